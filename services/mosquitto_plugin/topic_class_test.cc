#include "services/mosquitto_plugin/topic_class.h"

#include <gtest/gtest.h>
#include <mosquitto.h>

#include <string>

namespace sluice::mosquitto_plugin {
namespace {

bool Matches(const char* filter, const char* topic) {
  bool matches = false;
  return mosquitto_topic_matches_sub(filter, topic, &matches) == MOSQ_ERR_SUCCESS && matches;
}

TopicClass ClassOf(const std::string& topic, const Filters& taken = PluginOptions().topics) {
  return Classify(topic.c_str(), taken, &Matches);
}

std::string IdIn(const char* topic) {
  const DeviceId id = DeviceIdOf(topic);
  return std::string(id.text, id.size);
}

TEST(TopicClassTest, TakesTelemetryAndResponses) {
  for (const char* const topic :
       {"devices/a/telemetry", "devices/a/commands/c1/response", "devices/$a/telemetry",
        // Illegal ids, which become dead letters behind the ring.
        "devices//telemetry", "devices/a/commands//response"}) {
    EXPECT_EQ(ClassOf(topic), TopicClass::kTaken) << topic;
  }
  EXPECT_EQ(ClassOf("devices/" + std::string(60'000, 'x') + "/telemetry"), TopicClass::kTaken);
}

TEST(TopicClassTest, KnowsWhatTheGatewayAndPresenceSay) {
  for (const char* const topic :
       {"devices/a/status", "devices/a/commands", "devices/a/errors", "devices//status"}) {
    EXPECT_EQ(ClassOf(topic), TopicClass::kKnown) << topic;
  }
}

TEST(TopicClassTest, TheRestUnderDevicesIsUnknown) {
  for (const char* const topic :
       {"devices/", "devices/a", "devices/a/", "devices/a/Telemetry", "devices/a/telemetry/",
        "devices/a/b/telemetry", "devices/a/commands/c1", "devices/a/commands/c1/d/response",
        "devices/a/status/now", "devices/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"}) {
    EXPECT_EQ(ClassOf(topic), TopicClass::kUnknown) << topic;
  }
}

TEST(TopicClassTest, WhatIsNotUnderDevicesIsForeign) {
  for (const char* const topic :
       {"", "/", "devices", "device/a/telemetry", "Devices/a/telemetry", "/devices/a/telemetry",
        "$SYS/broker/uptime", "$SYS/devices/a/telemetry", "x/devices/a/telemetry"}) {
    EXPECT_EQ(ClassOf(topic), TopicClass::kForeign) << topic;
  }
}

TEST(TopicClassTest, ConfiguredFiltersTakeAnyTopic) {
  const Filters filters = {{"site/+/values/#", "devices/+/status", "plain"}, 3};
  for (const char* const topic :
       {"site/a/values", "site/a/values/b/c", "devices/a/status", "plain"}) {
    EXPECT_EQ(ClassOf(topic, filters), TopicClass::kTaken) << topic;
  }
  EXPECT_EQ(ClassOf("site/a/b/values", filters), TopicClass::kForeign);
  EXPECT_EQ(ClassOf("plain/a", filters), TopicClass::kForeign);
  EXPECT_EQ(ClassOf("devices/a/telemetry", filters), TopicClass::kUnknown);
}

TEST(TopicClassTest, EverythingIsNotTheBrokersOwn) {
  const Filters everything = {{"#"}, 1};
  EXPECT_EQ(ClassOf("any/topic", everything), TopicClass::kTaken);
  EXPECT_EQ(ClassOf("devices/a/b", everything), TopicClass::kTaken);
  EXPECT_EQ(ClassOf("$SYS/broker/uptime", everything), TopicClass::kForeign);
  const Filters first_level = {{"+/broker/uptime"}, 1};
  EXPECT_EQ(ClassOf("$SYS/broker/uptime", first_level), TopicClass::kForeign);
  const Filters system = {{"$SYS/#"}, 1};
  EXPECT_EQ(ClassOf("$SYS/broker/uptime", system), TopicClass::kTaken);
}

TEST(TopicClassTest, WithoutFiltersNothingMatches) {
  EXPECT_FALSE(MatchesAny("devices/a/telemetry", Filters(), &Matches));
  EXPECT_EQ(ClassOf("devices/a/telemetry", Filters()), TopicClass::kUnknown);
  const Filters two = {{"a", "b"}, 2};
  EXPECT_TRUE(MatchesAny("b", two, &Matches));
  EXPECT_FALSE(MatchesAny("c", two, &Matches));
}

TEST(DeviceIdOfTest, IsTheSecondLevel) {
  EXPECT_EQ(IdIn("devices/a-1/telemetry"), "a-1");
  EXPECT_EQ(IdIn("devices/a/b/c"), "a");
  EXPECT_EQ(IdIn("devices/a"), "a");
  EXPECT_EQ(IdIn("devices//telemetry"), "");
  EXPECT_EQ(IdIn("devices/"), "");
  EXPECT_EQ(IdIn("devices"), "");
  EXPECT_EQ(IdIn(""), "");
  EXPECT_EQ(IdIn("site/a/telemetry"), "");
  EXPECT_EQ(IdIn("/devices/a"), "");
}

}  // namespace
}  // namespace sluice::mosquitto_plugin
