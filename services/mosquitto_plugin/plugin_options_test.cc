#include "services/mosquitto_plugin/plugin_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace sluice::mosquitto_plugin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PluginOptionsTest : public testing::Test {
 protected:
  bool Set(const std::string& key, const std::string& value) {
    return options_.Set(key.c_str(), value.c_str(), error_);
  }

  PluginOptions options_;
  char error_[kMaxErrorBytes] = {};
};

TEST_F(PluginOptionsTest, Defaults) {
  EXPECT_STREQ(options_.ring_path, "");
  EXPECT_EQ(options_.ring_bytes, 32u << 20);
  EXPECT_EQ(options_.ring_mode, 0600u);
  ASSERT_EQ(options_.topics.count, 2u);
  EXPECT_STREQ(options_.topics.text[0], "devices/+/telemetry");
  EXPECT_STREQ(options_.topics.text[1], "devices/+/commands/+/response");
  EXPECT_EQ(options_.synced_topics.count, 0u);
  EXPECT_EQ(options_.synced_max_per_s, 100u);
  EXPECT_EQ(options_.no_reader_grace_s, 60u);
  EXPECT_STREQ(options_.own_client_id, "sluice-ingress-1");
}

TEST_F(PluginOptionsTest, TakesEveryKey) {
  EXPECT_TRUE(Set("ring", "/run/sluice/ring"));
  EXPECT_TRUE(Set("ring_bytes", "64MiB"));
  EXPECT_TRUE(Set("ring_mode", "0660"));
  EXPECT_TRUE(Set("topic", "site/#"));
  EXPECT_TRUE(Set("synced_topic", "site/+/alarm"));
  EXPECT_TRUE(Set("synced_max_per_s", "7"));
  EXPECT_TRUE(Set("no_reader_grace_s", "8"));
  EXPECT_TRUE(Set("own_client_id", "gateway"));
  EXPECT_STREQ(options_.ring_path, "/run/sluice/ring");
  EXPECT_EQ(options_.ring_bytes, 64u << 20);
  EXPECT_EQ(options_.ring_mode, 0660u);
  ASSERT_EQ(options_.topics.count, 1u);
  EXPECT_STREQ(options_.topics.text[0], "site/#");
  ASSERT_EQ(options_.synced_topics.count, 1u);
  EXPECT_STREQ(options_.synced_topics.text[0], "site/+/alarm");
  EXPECT_EQ(options_.synced_max_per_s, 7u);
  EXPECT_EQ(options_.no_reader_grace_s, 8u);
  EXPECT_STREQ(options_.own_client_id, "gateway");
}

TEST_F(PluginOptionsTest, TheLastOfAKeyCounts) {
  EXPECT_TRUE(Set("ring", "/a/long/path"));
  EXPECT_TRUE(Set("ring", "/b"));
  EXPECT_STREQ(options_.ring_path, "/b");
}

TEST_F(PluginOptionsTest, RangesAtBothEnds) {
  const std::pair<const char*, std::string> good[] = {
      {"ring", "/" + std::string(898, 'x')},
      {"ring_bytes", "1048576"},
      {"ring_bytes", "1073741824"},
      {"ring_mode", "0600"},
      {"ring_mode", "666"},
      {"synced_max_per_s", "1"},
      {"synced_max_per_s", "10000"},
      {"no_reader_grace_s", "0"},
      {"no_reader_grace_s", "86400"},
      {"own_client_id", "x"},
      {"own_client_id", std::string(255, 'x')},
  };
  for (const auto& [key, value] : good) EXPECT_TRUE(Set(key, value)) << error_;
  const std::pair<const char*, std::string> bad[] = {
      {"ring", ""},
      {"ring", "relative/path"},
      {"ring", "/" + std::string(899, 'x')},
      {"ring_bytes", "1044480"},
      {"ring_bytes", "1073745920"},
      {"ring_bytes", "1048577"},
      {"ring_mode", "0577"},
      {"ring_mode", "0667"},
      {"ring_mode", "0680"},
      {"synced_max_per_s", "0"},
      {"synced_max_per_s", "10001"},
      {"no_reader_grace_s", "86401"},
      {"own_client_id", ""},
      {"own_client_id", std::string(256, 'x')},
  };
  for (const auto& [key, value] : bad) EXPECT_FALSE(Set(key, value)) << key << " " << value;
}

TEST_F(PluginOptionsTest, UnitsOfTheRingsSize) {
  EXPECT_TRUE(Set("ring_bytes", "1MiB"));
  EXPECT_EQ(options_.ring_bytes, 1u << 20);
  EXPECT_TRUE(Set("ring_bytes", "1024MiB"));
  EXPECT_EQ(options_.ring_bytes, 1u << 30);
  EXPECT_TRUE(Set("ring_bytes", "1028KiB"));
  EXPECT_EQ(options_.ring_bytes, 1028u << 10);
  for (const char* const bad :
       {"1023KiB", "1025KiB", "1025MiB", "1 MiB", "2MB", "2mib", "2MiBs", "1GiB", "MiB",
        // Would be 1 MiB in 64 bits.
        "17592186044417MiB"}) {
    EXPECT_FALSE(Set("ring_bytes", bad)) << bad;
  }
  EXPECT_FALSE(Set("no_reader_grace_s", "1KiB"));
}

TEST_F(PluginOptionsTest, NumbersAreWholeAndPlain) {
  for (const char* const bad : {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "one",
                                "18446744073709551617", "99999999999999999999999"}) {
    EXPECT_FALSE(Set("synced_max_per_s", bad)) << bad;
  }
}

TEST_F(PluginOptionsTest, TheFirstTopicReplacesTheDefaults) {
  EXPECT_TRUE(Set("topic", "a"));
  EXPECT_TRUE(Set("topic", "b"));
  ASSERT_EQ(options_.topics.count, 2u);
  EXPECT_STREQ(options_.topics.text[0], "a");
  EXPECT_STREQ(options_.topics.text[1], "b");
}

TEST_F(PluginOptionsTest, TakesSixteenFilters) {
  for (const char* const key : {"topic", "synced_topic"}) {
    for (int i = 0; i < 16; ++i) EXPECT_TRUE(Set(key, "t/" + std::to_string(i))) << error_;
    EXPECT_FALSE(Set(key, "one/more"));
    EXPECT_THAT(error_, HasSubstr("at most 16"));
  }
  ASSERT_EQ(options_.topics.count, 16u);
  EXPECT_STREQ(options_.topics.text[15], "t/15");
  EXPECT_EQ(options_.synced_topics.count, 16u);
}

TEST_F(PluginOptionsTest, FiltersAreThoseOfMqtt) {
  for (const char* const key : {"topic", "synced_topic"}) {
    for (const std::string& good :
         {std::string("#"), std::string("+"), std::string("a/#"), std::string("+/a/+/#"),
          std::string("/"), std::string("a//b"), std::string("+/"), std::string(255, 'x')}) {
      EXPECT_TRUE(Set(key, good)) << error_;
    }
    for (const std::string& bad :
         {std::string(), std::string("#/a"), std::string("a#"), std::string("a+"),
          std::string("+a"), std::string("a/b+/c"), std::string("##"), std::string("++"),
          std::string("#+"), std::string("a/#/"), std::string(256, 'x')}) {
      EXPECT_FALSE(Set(key, bad)) << bad;
    }
  }
}

TEST_F(PluginOptionsTest, AnErrorNamesKeyValueAndRule) {
  const struct {
    const char* key;
    const char* value;
    const char* rule;
  } lines[] = {
      {"ring", "here", "must be an absolute path of less than 900 bytes"},
      {"ring_bytes", "3B", "must be 1MiB to 1024MiB, a multiple of 4KiB"},
      {"ring_mode", "0777", "must be 0600 to 0666"},
      {"topic", "a/#/b", "must be a topic filter of less than 256 bytes, one of at most 16"},
      {"synced_topic", "b+", "must be a topic filter of less than 256 bytes, one of at most 16"},
      {"synced_max_per_s", "many", "must be 1 to 10000"},
      {"no_reader_grace_s", "long", "must be 0 to 86400"},
      {"own_client_id", "", "must be 1 to 255 bytes long"},
  };
  for (const auto& line : lines) {
    EXPECT_FALSE(Set(line.key, line.value));
    EXPECT_EQ(std::string(error_),
              std::string("plugin_opt_") + line.key + " is '" + line.value + "'; " + line.rule);
  }
}

TEST_F(PluginOptionsTest, AnErrorFitsHoweverLongTheLine) {
  EXPECT_FALSE(Set("own_client_id", std::string(100'000, 'x')));
  EXPECT_THAT(error_, HasSubstr("must be 1 to 255 bytes long"));
  EXPECT_FALSE(Set(std::string(100'000, 'k'), "x"));
  EXPECT_THAT(error_, HasSubstr("own_client_id"));
}

TEST_F(PluginOptionsTest, AKeyWithoutValueIsWrong) {
  for (const char* const key : {"ring", "ring_bytes", "ring_mode", "topic", "synced_topic",
                                "synced_max_per_s", "no_reader_grace_s", "own_client_id"}) {
    EXPECT_FALSE(options_.Set(key, nullptr, error_)) << key;
  }
}

TEST_F(PluginOptionsTest, AnUnknownKeyListsTheKnownOnes) {
  EXPECT_FALSE(Set("rings", "/r"));
  EXPECT_THAT(error_, AllOf(HasSubstr("plugin_opt_rings: unknown key"),
                            HasSubstr("ring, ring_bytes, ring_mode, topic, synced_topic, "
                                      "synced_max_per_s, no_reader_grace_s, own_client_id")));
  EXPECT_FALSE(Set("", ""));
  EXPECT_FALSE(Set("RING", "/r"));
}

TEST_F(PluginOptionsTest, IsCompleteWithARing) {
  EXPECT_FALSE(options_.Complete(error_));
  EXPECT_THAT(error_, HasSubstr("plugin_opt_ring is missing"));
  EXPECT_TRUE(Set("ring", "/r"));
  EXPECT_TRUE(options_.Complete(error_));
}

TEST_F(PluginOptionsTest, EqualityLooksAtEveryField) {
  EXPECT_TRUE(options_ == PluginOptions());
  // The one more of a list, and another one in it.
  ASSERT_TRUE(Set("topic", "t"));
  ASSERT_TRUE(Set("synced_topic", "s"));
  const PluginOptions base = options_;
  const std::pair<const char*, const char*> lines[] = {
      {"ring", "/r"},
      {"ring_bytes", "1MiB"},
      {"ring_mode", "0660"},
      {"topic", "u"},
      {"synced_topic", "u"},
      {"synced_max_per_s", "1"},
      {"no_reader_grace_s", "1"},
      {"own_client_id", "x"},
  };
  for (const auto& [key, value] : lines) {
    options_ = base;
    ASSERT_TRUE(Set(key, value)) << error_;
    EXPECT_FALSE(options_ == base) << key;
    EXPECT_FALSE(base == options_) << key;
    PluginOptions same = base;
    ASSERT_TRUE(same.Set(key, value, error_));
    EXPECT_TRUE(options_ == same) << key;
  }
  for (Filters PluginOptions::*const filters :
       {&PluginOptions::topics, &PluginOptions::synced_topics}) {
    options_ = base;
    (options_.*filters).text[0][0] = 'x';
    EXPECT_FALSE(options_ == base);
  }
}

}  // namespace
}  // namespace sluice::mosquitto_plugin
