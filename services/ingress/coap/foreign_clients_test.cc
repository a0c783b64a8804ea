// The server as clients that are not ours see it: libcoap's own, and aiocoap, which shares no code
// with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "services/ingress/coap/coap_server.h"
#include "services/ingress/coap/fake_intake.h"

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;

// What a command printed, errors included, and its exit code at the end.
std::string RunCommand(const std::string& command) {
  FILE* const pipe = popen(absl::StrCat("timeout 30 ", command, " 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> part;
  while (const size_t size = fread(part.data(), 1, part.size(), pipe)) {
    output.append(part.data(), size);
  }
  const int status = pclose(pipe);
  return absl::StrCat(output, "\nexit ", WIFEXITED(status) ? WEXITSTATUS(status) : -1, "\n");
}

class ForeignClientsTest : public testing::Test {
 protected:
  void SetUp() override {
    CoapOptions options;
    options.listen = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<CoapServer>> server =
        CoapServer::Create(options, &intake_, &clock_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    intake_.SyncAlways();
  }

  std::string CoapClient(absl::string_view arguments, absl::string_view path) {
    return RunCommand(absl::StrCat("coap-client-openssl -v 6 -B 10 ", arguments, " 'coap://",
                                   server_->endpoint(), "/", path, "'"));
  }

  std::string FileOf(size_t size) {
    const std::string path = absl::StrCat(testing::TempDir(), "/payload-", size);
    std::ofstream(path) << std::string(size, '7');
    return path;
  }

  SystemClock clock_;
  FakeIntake intake_;
  std::unique_ptr<CoapServer> server_;
};

TEST_F(ForeignClientsTest, LibcoapsClientFindsAndUsesTheResources) {
  if (access("/usr/bin/coap-client-openssl", X_OK) != 0) GTEST_SKIP() << "no coap-client here";
  EXPECT_THAT(CoapClient("-m get", ".well-known/core"), HasSubstr("rt=\"sluice.telemetry\""));
  EXPECT_THAT(CoapClient("-m post -t 50 -e '{\"t\":1}'", "devices/pump-7/telemetry?id=m1"),
              HasSubstr("2.04"));
  EXPECT_THAT(CoapClient("-m post -N -e 1", "devices/pump-7/telemetry"), HasSubstr("2.04"));
  EXPECT_THAT(CoapClient("-m post -e '}'", "devices/pump-7/telemetry"),
              HasSubstr("payload: byte 0: not JSON"));
  EXPECT_THAT(CoapClient("-m post -t 60 -e x", "devices/pump-7/telemetry"), HasSubstr("4.15"));
  EXPECT_THAT(CoapClient("-m put -e 1", "devices/pump-7/telemetry"), HasSubstr("4.05"));
  EXPECT_THAT(CoapClient("-m delete", "devices/pump-7"), HasSubstr("4.04"));
  ASSERT_EQ(intake_.taken().size(), 4u);
  EXPECT_EQ(intake_.taken()[0].message_id, "m1");
  EXPECT_EQ(intake_.taken()[0].payload, "{\"t\":1}");
}

TEST_F(ForeignClientsTest, LibcoapsClientSendsLargePayloadsInBlocks) {
  if (access("/usr/bin/coap-client-openssl", X_OK) != 0) GTEST_SKIP() << "no coap-client here";
  EXPECT_THAT(CoapClient("-m post -f " + FileOf(65536), "devices/x/telemetry"), HasSubstr("2.04"));
  EXPECT_THAT(CoapClient("-m post -b 64 -f " + FileOf(3000), "devices/x/telemetry"),
              HasSubstr("2.04"));
  EXPECT_THAT(CoapClient("-m post -f " + FileOf(65537), "devices/x/telemetry"), HasSubstr("4.13"));
  ASSERT_EQ(intake_.taken().size(), 3u);
  EXPECT_EQ(intake_.taken()[0].payload, std::string(65536, '7'));
  EXPECT_EQ(intake_.taken()[1].payload, std::string(3000, '7'));
  EXPECT_EQ(intake_.taken()[2].payload_size_bytes, 65537);
}

TEST_F(ForeignClientsTest, AiocoapGetsWhatItShould) {
  const std::string python =
      absl::StrCat(getpwuid(getuid())->pw_dir, "/.cache/sluice/tools/venv/bin/python");
  if (access(python.c_str(), X_OK) != 0) GTEST_SKIP() << "no aiocoap here: run ./sluice setup";
  const std::string output = RunCommand(
      absl::StrCat(python, " services/ingress/coap/aiocoap_client.py ", server_->endpoint()));
  EXPECT_THAT(output, HasSubstr("exit 0"));
  ASSERT_EQ(intake_.taken().size(), 7u) << output;
  EXPECT_EQ(intake_.taken()[1].kind, InboundMessage::Kind::kStatus);
  EXPECT_EQ(intake_.taken()[2].command_id, "c-1");
  EXPECT_EQ(intake_.taken()[3].payload, std::string(65536, '8'));
}

}  // namespace
}  // namespace sluice::ingress
