#include "tools/fleetsim/mqtt_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordingListener : public MqttSession::Listener {
 public:
  void OnReady() override { ++ready; }
  void OnAcknowledged(int64_t number) override { acknowledged.push_back(number); }
  void OnRoom() override { ++room; }
  void AppendPayload(int64_t number, std::string* out) override {
    absl::StrAppend(out, "again ", number);
  }
  void OnCommand() override { ++commands; }
  void OnCommandAnswered() override { ++answered; }
  void OnError(absl::string_view kind) override { errors.emplace_back(kind); }

  int ready = 0, room = 0, commands = 0, answered = 0;
  std::vector<int64_t> acknowledged;
  std::vector<std::string> errors;
};

// The broker's side: reads what the session wrote, one line a packet.
std::vector<std::string> Take(MqttSession* session) {
  std::vector<std::string> lines;
  absl::string_view rest = session->output();
  while (!rest.empty()) {
    MqttPacket packet;
    const size_t size = ReadPacket(rest, 1 << 20, &packet).value();
    EXPECT_GT(size, 0u);
    if (packet.type == MqttPacketType::kPublish) {
      const MqttPublish p = ParsePublish(packet).value();
      lines.push_back(absl::StrCat("publish ", p.topic, " q", p.qos, " id", p.packet_id,
                                   p.dup ? " dup " : " ", p.retain ? "retain " : "", p.payload));
    } else if (packet.body.size() == 2) {
      lines.push_back(
          absl::StrCat("ack ", static_cast<int>(packet.type), " id", ParseAck(packet).value()));
    } else {
      lines.push_back(absl::StrCat("packet ", static_cast<int>(packet.type)));
    }
    rest.remove_prefix(size);
  }
  session->output().clear();
  return lines;
}

std::string Connack(bool session_present, int code = 0) {
  return {0x20, 2, static_cast<char>(session_present), static_cast<char>(code)};
}
std::string Suback() { return {'\x90', 4, '\xff', '\xff', 0, 2}; }
std::string Ack(MqttPacketType type, uint16_t id) {
  std::string out;
  AppendAck(type, id, &out);
  return out;
}
std::string Command(uint16_t id, const std::string& json, bool dup = false) {
  std::string out;
  AppendPublish({"devices/d/commands", json, 2, id, dup, false}, &out);
  return out;
}

class MqttSessionTest : public ::testing::Test {
 protected:
  void Open(int qos, bool clean_session = false) {
    options_.qos = qos;
    options_.inflight = 2;
    options_.clean_session = clean_session;
    options_.respond_commands = true;
    session_ = std::make_unique<MqttSession>("d", &options_, &listener_);
    Connect(false);
  }
  void Connect(bool session_present) {
    session_->Start();
    Take(session_.get());
    ASSERT_TRUE(session_->Receive(Connack(session_present)).ok());
    at_connect_ = Take(session_.get());
    ASSERT_TRUE(session_->Receive(Suback()).ok());
  }

  MqttSessionOptions options_;
  RecordingListener listener_;
  std::unique_ptr<MqttSession> session_;
  std::vector<std::string> at_connect_;
};

TEST_F(MqttSessionTest, ConnectsSaysOnlineAndSubscribesBeforeItIsReady) {
  session_ = std::make_unique<MqttSession>("d", &options_, &listener_);
  session_->Start();
  EXPECT_THAT(session_->output(), HasSubstr("devices/d/status"));
  EXPECT_THAT(session_->output(), HasSubstr("offline"));
  EXPECT_THAT(Take(session_.get()), ElementsAre("packet 1"));
  ASSERT_TRUE(session_->Receive(Connack(false)).ok());
  EXPECT_THAT(Take(session_.get()),
              ElementsAre("publish devices/d/status q0 id0 retain online", "packet 8"));
  EXPECT_FALSE(session_->CanPublish());
  ASSERT_TRUE(session_->Receive(Suback()).ok());
  EXPECT_EQ(listener_.ready, 1);
  EXPECT_TRUE(session_->CanPublish());
}

TEST_F(MqttSessionTest, ByteByByteIsAsGoodAsAtOnce) {
  session_ = std::make_unique<MqttSession>("d", &options_, &listener_);
  session_->Start();
  for (const char c : Connack(false) + Suback()) {
    ASSERT_TRUE(session_->Receive(std::string(1, c)).ok());
  }
  EXPECT_TRUE(session_->ready());
}

TEST_F(MqttSessionTest, QosOneIsBoundedByItsWindow) {
  Open(1);
  session_->Publish(0, "a");
  session_->Publish(1, "b");
  EXPECT_FALSE(session_->CanPublish());
  EXPECT_THAT(Take(session_.get()), ElementsAre("publish devices/d/telemetry q1 id1 a",
                                                "publish devices/d/telemetry q1 id2 b"));
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPuback, 1)).ok());
  EXPECT_THAT(listener_.acknowledged, ElementsAre(0));
  EXPECT_EQ(listener_.room, 1);
  EXPECT_TRUE(session_->CanPublish());
  EXPECT_EQ(session_->unacknowledged(), 1);
}

TEST_F(MqttSessionTest, QosTwoIsAcknowledgedByPubrecAndFreedByPubcomp) {
  Open(2);
  session_->Publish(0, "a");
  Take(session_.get());
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPubrec, 1)).ok());
  EXPECT_THAT(listener_.acknowledged, ElementsAre(0));
  EXPECT_THAT(Take(session_.get()), ElementsAre("ack 6 id1"));
  EXPECT_EQ(listener_.room, 0);
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPubrec, 1)).ok());
  EXPECT_THAT(Take(session_.get()), ElementsAre("ack 6 id1")) << "asked again, answered again";
  EXPECT_THAT(listener_.acknowledged, ElementsAre(0));
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPubcomp, 1)).ok());
  EXPECT_EQ(listener_.room, 1);
}

TEST_F(MqttSessionTest, SendsAgainInOrderWithDup) {
  Open(1);
  session_->Publish(0, "a");
  session_->Publish(1, "b");
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPuback, 1)).ok());
  session_->Publish(2, "c");  // Has packet id 1 now, and comes after 1.
  session_->Stop();
  EXPECT_FALSE(session_->CanPublish());
  Connect(true);
  EXPECT_THAT(at_connect_, ElementsAre("publish devices/d/status q0 id0 retain online", "packet 8",
                                       "publish devices/d/telemetry q1 id2 dup again 1",
                                       "publish devices/d/telemetry q1 id1 dup again 2"));
}

TEST_F(MqttSessionTest, QosTwoGoesOnWhereItWas) {
  Open(2);
  session_->Publish(0, "a");
  session_->Publish(1, "b");
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPubrec, 1)).ok());
  session_->Stop();
  Connect(true);
  EXPECT_THAT(at_connect_,
              ElementsAre("publish devices/d/status q0 id0 retain online", "packet 8", "ack 6 id1",
                          "publish devices/d/telemetry q2 id2 dup again 1"));
  session_->Stop();
  Connect(false);
  EXPECT_THAT(at_connect_, ElementsAre("publish devices/d/status q0 id0 retain online", "packet 8",
                                       "publish devices/d/telemetry q2 id2 dup again 1"))
      << "a broker that forgot the session has nothing to release";
  EXPECT_EQ(session_->unacknowledged(), 1);
}

TEST_F(MqttSessionTest, ACleanSessionForgets) {
  Open(1, /*clean_session=*/true);
  session_->Publish(0, "a");
  session_->Stop();
  Connect(false);
  EXPECT_THAT(at_connect_,
              ElementsAre("publish devices/d/status q0 id0 retain online", "packet 8"));
  EXPECT_EQ(session_->unacknowledged(), 0);
}

TEST_F(MqttSessionTest, CommandsAreAnsweredOnceForEachDelivery) {
  Open(1);
  const std::string order = R"({"id":"c1","name":"open"})";
  ASSERT_TRUE(session_->Receive(Command(9, order)).ok());
  const auto lines = Take(session_.get());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "ack 5 id9");
  EXPECT_THAT(lines[1], HasSubstr("publish devices/d/commands/c1/response q1 id32768 {"));
  ASSERT_TRUE(session_->Receive(Command(9, order, /*dup=*/true)).ok());
  EXPECT_THAT(Take(session_.get()), ElementsAre("ack 5 id9"));
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPubrel, 9)).ok());
  EXPECT_THAT(Take(session_.get()), ElementsAre("ack 7 id9"));
  EXPECT_EQ(listener_.commands, 1);
  EXPECT_EQ(listener_.answered, 0);
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPuback, 32768)).ok());
  EXPECT_EQ(listener_.answered, 1);
  EXPECT_THAT(listener_.errors, IsEmpty());
}

TEST_F(MqttSessionTest, AnUnacknowledgedAnswerIsSentAgain) {
  Open(1);
  ASSERT_TRUE(session_->Receive(Command(9, R"({"id":"c1"})")).ok());
  session_->Stop();
  Connect(true);
  EXPECT_THAT(at_connect_.back(), HasSubstr("devices/d/commands/c1/response q1 id32768 dup {"));
}

TEST_F(MqttSessionTest, BadCommandsAndErrorsAreCountedAndHarmNothing) {
  Open(1);
  ASSERT_TRUE(session_->Receive(Command(9, "not json")).ok());
  std::string told;
  AppendPublish({"devices/d/errors", "{}", 0, 0, false, false}, &told);
  ASSERT_TRUE(session_->Receive(told).ok());
  ASSERT_TRUE(session_->Receive(Ack(MqttPacketType::kPuback, 1)).ok());
  EXPECT_THAT(listener_.errors,
              ElementsAre("command that cannot be understood", "mqtt device was told of an error",
                          "mqtt acknowledgement that was not due"));
  EXPECT_TRUE(session_->CanPublish());
}

TEST_F(MqttSessionTest, ABrokerThatMisbehavesIsLeft) {
  Open(1);
  EXPECT_FALSE(session_->Receive(Connack(false)).ok()) << "twice";
  EXPECT_FALSE(session_->Receive(Ack(MqttPacketType::kPuback, 3)).ok()) << "beyond the window";
  EXPECT_FALSE(session_->Receive(std::string("\xc0\x00", 2)).ok()) << "a client's packet";
  session_->Stop();
  session_->Start();
  EXPECT_FALSE(session_->Receive(Suback()).ok()) << "before CONNACK";
  session_->Start();
  EXPECT_THAT(session_->Receive(Connack(false, 5)).message(), HasSubstr("code 5"));
  session_->Start();
  ASSERT_TRUE(session_->Receive(Connack(false)).ok());
  for (int id = 1; id <= 1000; ++id) {
    ASSERT_TRUE(session_->Receive(Command(static_cast<uint16_t>(id), "{}")).ok());
  }
  EXPECT_FALSE(session_->Receive(Command(1001, "{}")).ok()) << "never releases";
}

TEST_F(MqttSessionTest, SaysOfflineBeforeItDisconnects) {
  Open(0);
  session_->Publish(0, "a");
  session_->Disconnect();
  EXPECT_THAT(Take(session_.get()),
              ElementsAre("publish devices/d/telemetry q0 id0 a",
                          "publish devices/d/status q0 id0 retain offline", "packet 14"));
  EXPECT_FALSE(session_->CanPublish());
}

}  // namespace
}  // namespace sluice::fleetsim
