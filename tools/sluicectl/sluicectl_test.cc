// The binary against services that behave like Sluice's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tools/sluicectl/testing/fake_gateway.h"
#include "tools/sluicectl/testing/subprocess.h"

namespace sluice::sluicectl {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr char kBinary[] = "tools/sluicectl/sluicectl";

class SluicectlTest : public ::testing::Test {
 protected:
  SluicectlTest()
      : registry_server_({&registry_, &commands_}),
        ingress_server_({&telemetry_}),
        analytics_server_({&analytics_}) {}

  // Runs a command to its end; returns its exit code. What it said is in out_ and err_.
  int Run(std::vector<std::string> words, absl::string_view input = "") {
    std::vector<std::string> argv = {kBinary,
                                     "--registry",
                                     registry_server_.address(),
                                     "--ingress",
                                     ingress_server_.address(),
                                     "--analytics",
                                     analytics_server_.address()};
    argv.insert(argv.end(), words.begin(), words.end());
    return RunPlain(argv, input);
  }

  int RunPlain(std::vector<std::string> argv, absl::string_view input = "") {
    Subprocess process(std::move(argv), input);
    const int code = process.Wait();
    out_ = process.out();
    err_ = process.err();
    return code;
  }

  void PutDevice(const std::string& id, v1::DeviceStatus status = v1::DEVICE_STATUS_ONLINE) {
    v1::Device device;
    device.set_id(id);
    device.mutable_sensor()->add_capabilities()->set_metric("temperature");
    device.set_enabled(true);
    device.set_status(status);
    registry_.Put(device);
  }

  void PutLetter(int64_t offset, const std::string& device_id, v1::DeadLetterReason reason) {
    v1::DeadLetter letter;
    letter.set_offset(offset);
    letter.set_device_id(device_id);
    letter.set_reason(reason);
    letter.set_payload("{\"n\": 5}");
    telemetry_.PutDeadLetter(letter);
  }

  google::protobuf::Struct Json(const std::string& line) {
    google::protobuf::Struct json;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &json).ok()) << line;
    return json;
  }

  FakeRegistry registry_;
  FakeCommands commands_;
  FakeTelemetry telemetry_;
  FakeAnalytics analytics_;
  FakeServer registry_server_;
  FakeServer ingress_server_;
  FakeServer analytics_server_;
  std::string out_;
  std::string err_;
};

TEST_F(SluicectlTest, StatusTellsHealthDevicesAndLag) {
  PutDevice("a");
  PutDevice("b", v1::DEVICE_STATUS_ERROR);
  EXPECT_EQ(Run({"subscriptions", "create", "cloud", "--expire-after", "7d"}), 0);
  EXPECT_THAT(out_, ContainsRegex("cloud +42 .* 7d\n"));
  EXPECT_EQ(Run({"status"}), 0) << err_;
  EXPECT_THAT(out_,
              ContainsRegex("ingress +127.0.0.1:[0-9]+ +serving +1 subscription, 0 connected, "
                            "greatest lag 42 .cloud.\n"));
  EXPECT_THAT(out_, ContainsRegex("registry +[^ ]+ +serving +2 devices: 1 ERROR, 1 ONLINE\n"));
  EXPECT_EQ(Run({"status", "--json"}), 0);
  EXPECT_THAT(out_, HasSubstr("\"serving\":true,\"devices\":{\"ERROR\":1,\"ONLINE\":1}}\n"));
  EXPECT_THAT(out_, HasSubstr("\"lag_records\":\"42\""));
}

TEST_F(SluicectlTest, StatusTellsWhatIsWrong) {
  analytics_server_.SetServing(false);
  EXPECT_EQ(Run({"status"}), 1);
  EXPECT_THAT(out_,
              ContainsRegex("analytics +[^ ]+ +not serving .*AnalyticsService is not serving"));
  EXPECT_EQ(Run({"status", "--analytics", registry_server_.address()}), 1);
  EXPECT_THAT(out_, HasSubstr("what listens there is no sluice.v1.AnalyticsService"));
  EXPECT_EQ(Run({"status", "--analytics", "127.0.0.1:1"}), 3);
  EXPECT_THAT(out_, ContainsRegex("analytics +127.0.0.1:1 +no answer .*Connection refused"));
}

TEST_F(SluicectlTest, DevicesComeInPagesAndAsJson) {
  for (const char* id : {"a", "b", "c"}) PutDevice(id);
  EXPECT_EQ(Run({"devices", "list", "--page-size", "2"}), 0);
  EXPECT_THAT(out_, ContainsRegex("^ID +TYPE +STATUS .*\na +sensor +ONLINE +never +yes\nb "));
  EXPECT_THAT(err_, HasSubstr("--page-token=b"));
  EXPECT_EQ(Run({"devices", "list", "--page-token=b", "--json"}), 0);
  EXPECT_EQ(Json(out_).fields().at("id").string_value(), "c");
  EXPECT_EQ(Run({"devices", "list", "--page-size", "1", "--all", "--json"}), 0);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3);
  EXPECT_EQ(err_, "");
}

TEST_F(SluicectlTest, ColorsOnlyWhereTheyAreWanted) {
  PutDevice("a");
  Run({"devices", "list"});
  EXPECT_THAT(out_, Not(HasSubstr("\x1b")));
  Run({"devices", "list", "--color", "always"});
  EXPECT_THAT(out_, HasSubstr("\x1b[32mONLINE\x1b[0m"));
}

TEST_F(SluicectlTest, WhatDevicesSayCannotReachTheTerminal) {
  v1::Device device;
  device.set_id("a");
  device.mutable_gateway();
  device.set_status_message("\x1b]0;owned\x07\n");
  (*device.mutable_labels())["k"] = "\x1b[2J";
  registry_.Put(device);
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"devices", "list"}, {"devices", "get", "a"}, {"devices", "get", "a", "--json"}}) {
    EXPECT_EQ(Run(words), 0);
    EXPECT_THAT(out_, Not(HasSubstr("\x1b")));
    EXPECT_THAT(out_, Not(HasSubstr("\x07")));
  }
}

TEST_F(SluicectlTest, ErrorsNameCommandCodeAndField) {
  EXPECT_EQ(Run({"devices", "get", "nobody"}), 1);
  EXPECT_EQ(err_, "sluicectl: devices get: NOT_FOUND: no device 'nobody'\n");
  EXPECT_EQ(out_, "");
  EXPECT_EQ(Run({"devices", "create", "a/b", "--type", "gateway"}), 1);
  EXPECT_EQ(err_, "sluicectl: devices create: INVALID_ARGUMENT: device.id: holds a '/'\n");
  EXPECT_EQ(Run({"devices", "create", "a"}), 2);
  EXPECT_THAT(err_, HasSubstr("--type is missing"));
}

TEST_F(SluicectlTest, DevicesLiveTheirLife) {
  EXPECT_EQ(Run({"devices", "create", "t-1", "--capability", "temperature:Cel", "--label", "s=n",
                 "--disabled"}),
            0);
  EXPECT_THAT(out_, ContainsRegex("measures: +temperature .Cel.\n"));
  EXPECT_THAT(out_, ContainsRegex("enabled: +no\n"));
  EXPECT_EQ(registry_.Find("t-1").labels().at("s"), "n");
  EXPECT_EQ(Run({"devices", "update", "t-1", "--enable", "--remove-label", "s", "--etag", "e1"}),
            0);
  EXPECT_THAT(registry_.last_update().update_mask().paths(),
              UnorderedElementsAre("enabled", "labels.s"));
  EXPECT_EQ(registry_.last_update().device().etag(), "e1");
  EXPECT_EQ(Run({"devices", "delete", "t-1"}), 0);
  EXPECT_EQ(Run({"devices", "delete", "t-1"}), 1);
}

TEST_F(SluicectlTest, ManyDevicesComeFromAFile) {
  PutDevice("taken");
  std::string devices;
  for (int i = 0; i < 1'200; ++i)
    absl::StrAppend(&devices, "{\"id\":\"d-", i, "\",\"sensor\":{}}\n");
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/devices.json";
  std::ofstream(path) << devices << "{\"id\":\"taken\",\"gateway\":{}}";
  EXPECT_EQ(Run({"devices", "create", "--from", path}), 1);
  EXPECT_EQ(out_, "1200 created, 1 refused\n");
  EXPECT_THAT(err_, HasSubstr("device 'taken': ALREADY_EXISTS: the id is taken"));
  EXPECT_EQ(registry_.Find("d-1199").id(), "d-1199");

  EXPECT_EQ(Run({"devices", "create", "--from", "-"}, "[{\"id\":\"x\",\"gateway\":{}}]"), 0);
  EXPECT_EQ(Run({"devices", "create", "--from", "-"}, "{\"idd\":\"x\"}"), 2);
  EXPECT_THAT(err_, HasSubstr("-: line 1: "));
  EXPECT_EQ(Run({"devices", "create", "--from", "/no/such/file"}), 2);
  EXPECT_THAT(err_, HasSubstr("/no/such/file: cannot be read"));
}

TEST_F(SluicectlTest, PublishesExactlyWhatIsWritten) {
  EXPECT_EQ(Run({"telemetry", "publish", "t-1", "n=9007199254740993", "s=\"7\"", "--unit", "m",
                 "--time", "2023-11-14T22:13:20Z", "--message-id", "m-1"}),
            0);
  EXPECT_EQ(out_, "on disk, offset 0\n");
  EXPECT_EQ(telemetry_.last().readings(0).int_value(), 9007199254740993);
  EXPECT_EQ(telemetry_.last().readings(0).time().seconds(), 1'700'000'000);
  EXPECT_EQ(telemetry_.last().readings(1).string_value(), "7");
  EXPECT_EQ(telemetry_.last().message_id(), "m-1");
  EXPECT_EQ(Run({"telemetry", "publish", "nobody", "n=1"}), 1);
  EXPECT_EQ(err_, "sluicectl: telemetry publish: NOT_FOUND: no device 'nobody'\n");
  EXPECT_EQ(Run({"telemetry", "publish", "t-1", "n=nan"}), 2);
}

TEST_F(SluicectlTest, CommandsEndWithTheDevicesAnswer) {
  EXPECT_EQ(Run({"command", "send", "p", "start", "speed=5", "list=[1,2]", "--wait", "1s"}), 0);
  EXPECT_THAT(out_, ContainsRegex("state: +SUCCEEDED\nresult: +\"done\"\n"));
  EXPECT_EQ(commands_.last().arguments().fields().at("speed").number_value(), 5);
  EXPECT_EQ(commands_.last().wait().seconds(), 1);
  EXPECT_EQ(Run({"command", "send", "p", "fail", "--json"}), 4);
  EXPECT_EQ(Json(out_).fields().at("state").string_value(), "COMMAND_STATE_FAILED");
  EXPECT_EQ(Run({"command", "get", "c-2"}), 4);
  EXPECT_THAT(out_, HasSubstr("stuck\\x1b[2J"));
  EXPECT_EQ(Run({"command", "send", "p", "hang"}), 0);
  EXPECT_EQ(Run({"command", "send", "p", "hang", "--wait", "1s"}), 4);
  EXPECT_THAT(err_, HasSubstr("no answer yet; later: sluicectl command get c-4"));
  EXPECT_EQ(Run({"command", "get", "c-3"}), 0);
  EXPECT_EQ(Run({"command", "get", "c-99"}), 1);
  EXPECT_EQ(Run({"command", "send", "p", "start", "id=9007199254740993"}), 2);
}

TEST_F(SluicectlTest, SeriesKeepTheirInfinities) {
  EXPECT_EQ(Run({"series", "list"}), 0);
  EXPECT_THAT(out_, ContainsRegex("thermo-1 +temperature +21.5 +Cel +inf +0.333333 "));
  EXPECT_EQ(Run({"series", "get", "thermo-1", "temperature", "--json"}), 0);
  EXPECT_EQ(Json(out_).fields().at("last_z_score").string_value(), "Infinity");
  EXPECT_THAT(out_, HasSubstr("0.33333333333333331"));
  EXPECT_EQ(Run({"series", "get", "nobody", "temperature"}), 1);
}

TEST_F(SluicectlTest, DeadLettersShowWhoSentWhat) {
  EXPECT_EQ(Run({"deadletters", "list"}), 0);
  EXPECT_EQ(err_, "no dead letters\n");
  v1::DeadLetter letter;
  letter.set_device_id("ev\x1bil");
  letter.set_address("devices/ev\x1bil/telemetry");
  letter.set_reason(v1::DEAD_LETTER_REASON_MALFORMED);
  letter.set_protocol(v1::PROTOCOL_MQTT);
  letter.set_detail("byte 3: not JSON");
  letter.set_payload("{\"a\xff\n");
  letter.set_payload_size_bytes(5);
  letter.mutable_sender()->set_client_id("cl\x1bient");
  letter.mutable_sender()->set_username("al\x1bice");
  letter.mutable_ring_position()->set_ring_id(7);
  letter.mutable_ring_position()->set_end(4096);
  telemetry_.PutDeadLetter(letter);
  EXPECT_EQ(Run({"deadletters", "list"}), 0);
  EXPECT_THAT(
      out_,
      ContainsRegex(
          "MQTT +ev.x1bil +cl.x1bient +al.x1bice +devices/ev.x1bil/telemetry +MALFORMED +byte 3: "
          "not JSON +5 +[{]\"a.xff.n\n"));
  EXPECT_EQ(Run({"deadletters", "list", "--json"}), 0);
  const auto json = Json(out_);
  EXPECT_EQ(json.fields().at("payload").string_value(), "eyJh/wo=");
  const auto& sender = json.fields().at("sender").struct_value().fields();
  EXPECT_EQ(sender.at("client_id").string_value(), "cl\x1bient");
  EXPECT_EQ(sender.at("username").string_value(), "al\x1bice");
  const auto& position = json.fields().at("ring_position").struct_value().fields();
  EXPECT_EQ(position.at("ring_id").string_value(), "7");
  EXPECT_EQ(position.at("end").string_value(), "4096");
}

TEST_F(SluicectlTest, DeadLettersWithoutASenderLeaveItsCellsEmpty) {
  v1::DeadLetter letter;
  letter.set_device_id("coap-1");
  letter.set_address("/devices/coap-1/telemetry");
  letter.set_protocol(v1::PROTOCOL_COAP);
  telemetry_.PutDeadLetter(letter);
  EXPECT_EQ(Run({"deadletters", "list"}), 0);
  EXPECT_THAT(out_, ContainsRegex("^OFFSET .* DEVICE +CLIENT +USER +ADDRESS "));
  EXPECT_THAT(out_, ContainsRegex("COAP +coap-1 +/devices/coap-1/telemetry "));
  EXPECT_EQ(Run({"deadletters", "list", "--json"}), 0);
  EXPECT_EQ(Json(out_).fields().count("sender"), 0);
}

TEST_F(SluicectlTest, DeadLettersAreShownOneByOne) {
  PutLetter(17, "a", v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE);
  EXPECT_EQ(Run({"deadletters", "show", "17"}), 0);
  EXPECT_THAT(out_, ContainsRegex("offset: +17\n"));
  EXPECT_THAT(out_, ContainsRegex("reason: +UNKNOWN_DEVICE\n"));
  EXPECT_THAT(out_, ContainsRegex("payload: +[{].n.: 5[}]\n"));
  EXPECT_EQ(Run({"deadletters", "show", "17", "--json"}), 0);
  EXPECT_EQ(Json(out_).fields().at("device_id").string_value(), "a");
  EXPECT_EQ(Run({"deadletters", "show", "18"}), 1);
  EXPECT_THAT(err_, HasSubstr("deadletters show: NOT_FOUND: "));
  EXPECT_EQ(Run({"deadletters", "show"}), 2);
  EXPECT_EQ(Run({"deadletters", "show", "first"}), 2);
}

TEST_F(SluicectlTest, DeadLettersAreFiltered) {
  EXPECT_EQ(
      Run({"deadletters", "list", "--reason", "unknown-device", "--reason", "TOO_LARGE", "--device",
           "a", "--after", "1970-01-01T00:00:07Z", "--before", "1970-01-01T00:00:09Z"}),
      0);
  const v1::DeadLetterFilter filter = telemetry_.last_filter();
  EXPECT_THAT(filter.reasons(),
              ElementsAre(v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE, v1::DEAD_LETTER_REASON_TOO_LARGE));
  EXPECT_THAT(filter.device_ids(), ElementsAre("a"));
  EXPECT_EQ(filter.received_from().seconds(), 7);
  EXPECT_EQ(filter.received_before().seconds(), 9);
  for (const char* reason : {"unspecified", "boredom", ""}) {
    EXPECT_EQ(Run({"deadletters", "list", "--reason", reason}), 2) << reason;
  }
  EXPECT_EQ(Run({"deadletters", "list", "--after", "yesterday"}), 2);
}

TEST_F(SluicectlTest, DeadLettersAreReplayed) {
  PutLetter(17, "a", v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE);
  PutLetter(18, "b", v1::DEAD_LETTER_REASON_MALFORMED);
  EXPECT_EQ(Run({"deadletters", "replay", "17"}), 0);
  EXPECT_THAT(out_, ContainsRegex("^LETTER +RESULT +OFFSET +DETAIL\n +17 +taken in +117"));
  EXPECT_EQ(Run({"deadletters", "replay", "--all"}), 1);
  EXPECT_THAT(out_, ContainsRegex(" 18 +INVALID_ARGUMENT +byte 3: not JSON\n"));
  EXPECT_THAT(err_, HasSubstr("deadletters replay: 1 of 2 letters were not taken in\n"));
  EXPECT_EQ(Run({"deadletters", "replay", "--reason", "malformed", "--json"}), 1);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  EXPECT_EQ(Json(out_.substr(0, out_.find('\n'))).fields().at("offset").string_value(), "117");
  // What is told of a service that cannot write ends it.
  PutLetter(19, "full", v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE);
  EXPECT_EQ(Run({"deadletters", "replay", "19"}), 1);
  EXPECT_THAT(err_, HasSubstr("those behind were not tried"));
}

TEST_F(SluicectlTest, AReplayMustSayWhich) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {}, {"17", "--all"}, {"17", "--device", "a"}, {"--all", "--device", "a"}, {"x"}}) {
    std::vector<std::string> command = {"deadletters", "replay"};
    command.insert(command.end(), words.begin(), words.end());
    EXPECT_EQ(Run(command), 2);
  }
}

TEST_F(SluicectlTest, DeadLettersArePurged) {
  PutLetter(17, "a", v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE);
  EXPECT_EQ(Run({"deadletters", "purge", "--all", "--dry-run"}), 0);
  EXPECT_EQ(out_, "would purge 1 dead letters\n");
  EXPECT_TRUE(telemetry_.last_purge().validate_only());
  EXPECT_EQ(Run({"deadletters", "purge", "--before", "18"}), 0);
  EXPECT_EQ(out_, "purged 1 dead letters\n");
  EXPECT_EQ(telemetry_.last_purge().before_offset(), 18);
  EXPECT_FALSE(telemetry_.last_purge().validate_only());
  EXPECT_EQ(Run({"deadletters", "purge", "--before", "1970-01-01T00:00:09Z", "--json"}), 0);
  EXPECT_EQ(telemetry_.last_purge().before_time().seconds(), 9);
  EXPECT_EQ(Json(out_).fields().at("purged_count").string_value(), "1");
  for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                 {"--all", "--before", "18"},
                                                                 {"--all", "--before", "latest"},
                                                                 {"--before", "latest"},
                                                                 {"--before", "soon"},
                                                                 {"--dry-run"}}) {
    std::vector<std::string> command = {"deadletters", "purge"};
    command.insert(command.end(), words.begin(), words.end());
    EXPECT_EQ(Run(command), 2);
  }
}

TEST_F(SluicectlTest, UnknownTopicsTellWhoUsedThemLast) {
  EXPECT_EQ(Run({"unknown-topics"}), 0);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "no unknown topics\n");
  EXPECT_EQ(Run({"unknown-topics", "--json"}), 0);
  EXPECT_EQ(out_ + err_, "");
  v1::UnknownTopic topic;
  topic.set_topic("devices/t-1/telemetri\x1b[2J");
  topic.set_sightings(12);
  topic.mutable_last_time()->set_seconds(1'700'000'000);
  topic.mutable_last_sender()->set_client_id("t\x1b-1");
  topic.mutable_last_sender()->set_username("al\nice");
  telemetry_.PutUnknownTopic(topic);
  topic.set_topic("devices/t-2");
  topic.set_sightings(3);
  topic.mutable_last_sender()->set_client_id("t-2");
  topic.mutable_last_sender()->clear_username();
  telemetry_.PutUnknownTopic(topic);
  EXPECT_EQ(Run({"unknown-topics"}), 0);
  EXPECT_THAT(out_, ContainsRegex("^TOPIC +SIGHTINGS +LAST USED +CLIENT +USER\n"
                                  "devices/t-1/telemetri.x1b.2J +12 +[0-9]+d ago +t.x1b-1 "
                                  "+al.nice\n"
                                  "devices/t-2 +3 +[0-9]+d ago +t-2\n"));
  EXPECT_THAT(out_, Not(HasSubstr("\x1b")));
  EXPECT_EQ(err_, "");
}

TEST_F(SluicectlTest, UnknownTopicsComeAsJsonOneALine) {
  for (const char* name : {"devices/a\x1b[2J", "devices/b"}) {
    v1::UnknownTopic topic;
    topic.set_topic(name);
    topic.set_sightings(9'007'199'254'740'993);
    topic.mutable_last_time()->set_seconds(1'700'000'000);
    topic.mutable_last_sender()->set_client_id("c");
    telemetry_.PutUnknownTopic(topic);
  }
  EXPECT_EQ(Run({"unknown-topics", "--json"}), 0);
  EXPECT_THAT(out_, Not(HasSubstr("\x1b")));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  const auto json = Json(out_.substr(0, out_.find('\n')));
  EXPECT_EQ(json.fields().at("topic").string_value(), "devices/a\x1b[2J");
  EXPECT_EQ(json.fields().at("sightings").string_value(), "9007199254740993");
  EXPECT_EQ(json.fields().at("last_time").string_value(), "2023-11-14T22:13:20Z");
  const auto& sender = json.fields().at("last_sender").struct_value().fields();
  EXPECT_EQ(sender.at("client_id").string_value(), "c");
  EXPECT_EQ(sender.at("username").string_value(), "");
}

TEST_F(SluicectlTest, UnknownTopicsOfAServiceThatIsAway) {
  EXPECT_EQ(Run({"unknown-topics", "--ingress", "127.0.0.1:1"}), 3);
  EXPECT_THAT(err_,
              ContainsRegex("^sluicectl: unknown-topics: UNAVAILABLE: ingress at 127.0.0.1:1: "));
}

TEST_F(SluicectlTest, SubscriptionsOfBothKinds) {
  EXPECT_EQ(Run({"subscriptions", "list"}), 0);
  EXPECT_EQ(err_, "no subscriptions\n");
  EXPECT_EQ(Run({"subscriptions", "list", "--insights"}), 0);
  EXPECT_THAT(out_, HasSubstr("\nalarms "));
  EXPECT_EQ(Run({"subscriptions", "delete", "cloud"}), 1);
  EXPECT_EQ(Run({"subscriptions", "create", "cloud", "--from", "yesterday"}), 2);
}

TEST_F(SluicectlTest, SubscriptionsAreMoved) {
  EXPECT_EQ(Run({"subscriptions", "create", "cloud"}), 0);
  EXPECT_EQ(Run({"subscriptions", "seek", "cloud", "--to", "7"}), 0);
  EXPECT_THAT(out_, ContainsRegex("NAME +LAG +BYTES +OLDEST +CURSOR "));
  EXPECT_THAT(out_, ContainsRegex("cloud +[0-9]+ +[0-9]+ +- +7 "));
  EXPECT_EQ(Run({"subscriptions", "seek", "cloud", "--to", "9", "--json"}), 0);
  EXPECT_EQ(Json(out_).fields().at("cursor").string_value(), "9");
  EXPECT_EQ(Run({"subscriptions", "seek", "nobody", "--to", "latest"}), 1);
  EXPECT_THAT(err_, HasSubstr("subscriptions seek: NOT_FOUND: "));
  EXPECT_EQ(Run({"subscriptions", "seek", "cloud", "--to", "yesterday"}), 2);
  EXPECT_EQ(Run({"subscriptions", "seek", "cloud"}), 2);
}

TEST_F(SluicectlTest, UnreachableServicesAreToldApart) {
  EXPECT_EQ(Run({"devices", "list", "--registry", "127.0.0.1:1"}), 3);
  EXPECT_THAT(err_, ContainsRegex("devices list: UNAVAILABLE: registry at 127.0.0.1:1: .*refused"));
}

TEST_F(SluicectlTest, AddressesComeFromTheDataDirectory) {
  PutDevice("a");
  const std::string dir = std::string(std::getenv("TEST_TMPDIR")) + "/data";
  std::filesystem::create_directories(dir + "/registry");
  std::ofstream(dir + "/registry/endpoints.json")
      << "{\"grpc\": \"" << registry_server_.address() << "\", \"pid\": 1}";
  EXPECT_EQ(RunPlain({kBinary, "--data-dir", dir, "devices", "get", "a"}), 0) << err_;
  EXPECT_EQ(RunPlain({kBinary, "--data-dir", dir, "series", "list"}), 3);
  EXPECT_THAT(err_, HasSubstr("analytics/endpoints.json"));
}

TEST_F(SluicectlTest, OutputThatIsLostIsAnError) {
  PutDevice("a");
  EXPECT_EQ(RunPlain({"/bin/sh", "-c",
                      absl::StrCat(kBinary, " devices list --registry ", registry_server_.address(),
                                   " > /dev/full")}),
            1);
  EXPECT_THAT(err_, HasSubstr("the output could not be written"));
}

}  // namespace
}  // namespace sluice::sluicectl
