#include "libs/config/config_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "sluice/config/v1/ingress.pb.h"

namespace sluice {
namespace {

using config::v1::IngressConfig;

std::string ErrorOf(const std::string& yaml) {
  IngressConfig config;
  const absl::Status status = LoadConfigText(yaml, "box.yaml", &config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << yaml;
  return std::string(status.message());
}

TEST(ConfigLoaderTest, ReadsEveryKindOfValueOverTheDefaults) {
  IngressConfig config;
  config.mutable_grpc()->set_listen("127.0.0.1:7101");
  config.mutable_grpc()->set_max_streams(64);
  const absl::Status status = LoadConfigText(
      "data_dir: /var/lib/sluice\n"
      "auto_register: false\n"
      "grpc:\n"
      "  listen: 127.0.0.1:0\n"
      "journal: {max_bytes: 2GiB, sync_interval: 250ms}\n"
      "mqtt:\n"
      "  brokers:\n"
      "  - session_expiry: 7d\n",
      "box.yaml", &config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(config.data_dir(), "/var/lib/sluice");
  EXPECT_TRUE(config.has_auto_register());
  EXPECT_FALSE(config.auto_register());
  EXPECT_EQ(config.grpc().listen(), "127.0.0.1:0");
  EXPECT_EQ(config.grpc().max_streams(), 64);
  EXPECT_EQ(config.journal().max_bytes(), int64_t{2} << 30);
  EXPECT_EQ(config.journal().sync_interval().nanos(), 250'000'000);
  EXPECT_EQ(config.mqtt().brokers(0).session_expiry().seconds(), 7 * 86400);
}

TEST(ConfigLoaderTest, ADurationMayHaveFractions) {
  const struct {
    const char* text;
    int64_t seconds;
    int32_t nanos;
  } kDurations[] = {
      {"30ms", 0, 30'000'000}, {"0.5ms", 0, 500'000},       {"0.9999s", 0, 999'900'000},
      {"1.5h", 5400, 0},       {"-1.5s", -1, -500'000'000},
  };
  for (const auto& expected : kDurations) {
    config::v1::Journal journal;
    const auto status = ApplyOverride(std::string("sync_interval=") + expected.text, &journal);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(journal.sync_interval().seconds(), expected.seconds) << expected.text;
    EXPECT_EQ(journal.sync_interval().nanos(), expected.nanos) << expected.text;
  }
}

TEST(ConfigLoaderTest, AnEmptyFileChangesNothing) {
  IngressConfig config;
  config.set_data_dir("here");
  EXPECT_TRUE(LoadConfigText("", "box.yaml", &config).ok());
  EXPECT_TRUE(LoadConfigText("# nothing\n", "box.yaml", &config).ok());
  EXPECT_TRUE(LoadConfigText("grpc:\n", "box.yaml", &config).ok());
  EXPECT_EQ(config.data_dir(), "here");
}

TEST(ConfigLoaderTest, AnErrorNamesFileLineAndKey) {
  EXPECT_EQ(ErrorOf("data_dir: x\ngrpc:\n  listn: y\n"),
            "box.yaml:3: grpc.listn: unknown key; known here: listen, max_message_bytes, "
            "max_streams");
  EXPECT_EQ(ErrorOf("grpc:\n  max_streams: many\n"),
            "box.yaml:2: grpc.max_streams: must be a whole number, is 'many'");
  EXPECT_EQ(ErrorOf("grpc:\n  max_streams: 3GiB\n"),
            "box.yaml:2: grpc.max_streams: is out of range: '3GiB'");
  EXPECT_EQ(ErrorOf("auto_register: 1\n"),
            "box.yaml:1: auto_register: must be true or false, is '1'");
  EXPECT_EQ(ErrorOf("grpc: 7\n"), "box.yaml:1: grpc: must be a group of keys");
  EXPECT_EQ(ErrorOf("data_dir: [a]\n"), "box.yaml:1: data_dir: must be a single value");
  EXPECT_EQ(ErrorOf("data_dir: a\ndata_dir: b\n"), "box.yaml:2: data_dir: is there twice");
  EXPECT_EQ(ErrorOf("mqtt: {brokers: [{keep_alive: 30}]}\n"),
            "box.yaml:1: mqtt.brokers[0].keep_alive: must be a duration such as 250ms, 30s, 5m, "
            "24h or 7d");
  EXPECT_EQ(ErrorOf("- a\n"), "box.yaml:1: must be a group of keys");
  EXPECT_THAT(ErrorOf("grpc: {listen: \n"), testing::StartsWith("box.yaml:2: not YAML: "));
}

TEST(ConfigLoaderTest, SaysWhichFileIsMissing) {
  IngressConfig config;
  const absl::Status status = LoadConfigFile("/nowhere/box.yaml", &config);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("/nowhere/box.yaml"));
  EXPECT_THAT(std::string(LoadConfigFile("/tmp", &config).message()),
              testing::HasSubstr("not a file"));
}

TEST(ConfigLoaderTest, ReadsAFile) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/box.yaml";
  std::ofstream(path) << "instance_id: shop-4\n";
  IngressConfig config;
  ASSERT_TRUE(LoadConfigFile(path, &config).ok());
  EXPECT_EQ(config.instance_id(), "shop-4");
}

TEST(ApplyOverrideTest, ReachesIntoAList) {
  IngressConfig config;
  ASSERT_TRUE(ApplyOverride("mqtt.brokers.0.address=tcp://a:1", &config).ok());
  ASSERT_TRUE(ApplyOverride("mqtt.brokers.1.address=tcp://b:1", &config).ok());
  ASSERT_TRUE(ApplyOverride("mqtt.brokers.0.source=plugin", &config).ok());
  ASSERT_EQ(config.mqtt().brokers_size(), 2);
  EXPECT_EQ(config.mqtt().brokers(0).address(), "tcp://a:1");
  EXPECT_EQ(config.mqtt().brokers(0).source(), "plugin");
  EXPECT_EQ(config.mqtt().brokers(1).address(), "tcp://b:1");
  for (const char* index : {"3", "-1", "x"}) {
    EXPECT_THAT(
        std::string(
            ApplyOverride(absl::StrCat("mqtt.brokers.", index, ".address=c"), &config).message()),
        testing::HasSubstr(
            absl::StrCat("mqtt.brokers: '", index, "' is no place in this list of 2")));
  }
  ASSERT_TRUE(ApplyOverride("mqtt.brokers=[{address: 'tcp://c:1'}]", &config).ok());
  EXPECT_EQ(config.mqtt().brokers_size(), 1);
  EXPECT_THAT(
      std::string(LoadConfigText("mqtt: {brokers: {0: {address: x}}}", "f", &config).message()),
      testing::HasSubstr("must be a list"))
      << "not in files";
}

TEST(ApplyOverrideTest, SetsOneKeyAndNamesWhatIsWrong) {
  IngressConfig config;
  ASSERT_TRUE(ApplyOverride("grpc.listen=127.0.0.1:0", &config).ok());
  ASSERT_TRUE(ApplyOverride("auto_register=true", &config).ok());
  ASSERT_TRUE(ApplyOverride("metrics.listen=", &config).ok());
  EXPECT_EQ(config.grpc().listen(), "127.0.0.1:0");
  EXPECT_TRUE(config.auto_register());
  EXPECT_THAT(std::string(ApplyOverride("grpc.x=1", &config).message()),
              testing::HasSubstr("--set=grpc.x=1: grpc.x: unknown key"));
  EXPECT_THAT(std::string(ApplyOverride("nonsense", &config).message()),
              testing::HasSubstr("must be PATH=VALUE"));
}

}  // namespace
}  // namespace sluice
