#include "services/ingress/intake/journal_intake.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "libs/clock/fake_clock.h"
#include "services/ingress/testing/fake_journal.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {
namespace {

using Kind = InboundMessage::Kind;
using Log = Receipt::Log;

class JournalIntakeTest : public ::testing::Test {
 protected:
  JournalIntakeTest() {
    Register("pump-7", true);
    Register("off", false);
  }

  void Register(const std::string& id, bool enabled) {
    v1::Device device;
    device.set_id(id);
    device.set_enabled(enabled);
    device.set_status(v1::DEVICE_STATUS_ONLINE);
    replica_.Put(device);
  }

  InboundMessage Message(absl::string_view payload, Kind kind = Kind::kTelemetry,
                         absl::string_view device_id = "pump-7") {
    InboundMessage message;
    message.kind = kind;
    message.protocol = v1::PROTOCOL_MQTT;
    message.device_id = device_id;
    message.command_id = "c-1";
    message.address = "devices/pump-7/telemetry";
    message.payload = payload;
    message.payload_size_bytes = static_cast<int64_t>(payload.size());
    message.received = MomentOf(clock_);
    return message;
  }

  // As the broker's plugin took it in.
  static InboundMessage FromRing(InboundMessage message, uint64_t ring_id, uint64_t end) {
    message.client_id = "client-7";
    message.username = "anna";
    message.ring = RingPosition{ring_id, end, /*read_before=*/true};
    return message;
  }

  // The newest of its log.
  v1::Telemetry LastTelemetry() {
    v1::Telemetry telemetry;
    const auto records = telemetry_.records();
    if (records.empty()) {
      ADD_FAILURE() << "no telemetry";
    } else {
      EXPECT_TRUE(telemetry.ParseFromString(records.back()));
    }
    return telemetry;
  }
  v1::DeadLetter LastLetter() {
    v1::DeadLetter letter;
    const auto records = dead_letters_.records();
    if (records.empty()) {
      ADD_FAILURE() << "no dead letter";
    } else {
      EXPECT_TRUE(letter.ParseFromString(records.back()));
    }
    return letter;
  }
  state::v1::Report LastReport() {
    state::v1::Report report;
    const auto records = reports_.records();
    if (records.empty()) {
      ADD_FAILURE() << "no report";
    } else {
      EXPECT_TRUE(report.ParseFromString(records.back()));
    }
    return report;
  }
  void ExpectRefused(const InboundMessage& message, v1::DeadLetterReason reason,
                     absl::StatusCode code) {
    const size_t before = dead_letters_.records().size();
    const Verdict verdict = intake_.Take(message);
    EXPECT_EQ(verdict.status.code(), code) << verdict.status;
    EXPECT_EQ(verdict.reason, reason);
    EXPECT_EQ(verdict.receipt.log, Log::kDeadLetters);
    EXPECT_EQ(verdict.receipt.offset, static_cast<int64_t>(before));
    const v1::DeadLetter letter = LastLetter();
    EXPECT_EQ(letter.reason(), reason);
    EXPECT_EQ(letter.detail(), verdict.status.message());
    EXPECT_EQ(letter.protocol(), message.protocol);
    EXPECT_EQ(letter.received_time().seconds(), absl::ToUnixSeconds(clock_.Now()));
    EXPECT_TRUE(telemetry_.records().empty());
    EXPECT_TRUE(reports_.records().empty());
  }

  FakeClock clock_;
  FakeJournal telemetry_, dead_letters_, reports_;
  DeviceReplica replica_;
  Newcomers newcomers_;
  HeardDevices heard_{&clock_};
  MessageWindow window_{MessageWindow::Options()};
  DeviceRates rates_{0, 0};
  JournalIntake intake_{
      {&telemetry_, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window_, &rates_},
      {false}};
};

TEST_F(JournalIntakeTest, WhatIsTakenAgainIsBuriedOnce) {
  InboundMessage message = Message("5", Kind::kTelemetry, "off");
  message.message_id = "m-1";
  EXPECT_EQ(intake_.Take(message).reason, v1::DEAD_LETTER_REASON_DISABLED_DEVICE);
  EXPECT_EQ(LastLetter().message_id(), "m-1");
  const Verdict verdict = intake_.TakeAgain(message);
  EXPECT_EQ(verdict.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(verdict.receipt.log, Log::kNone);
  EXPECT_EQ(dead_letters_.records().size(), 1u);
  Register("off", true);
  EXPECT_EQ(intake_.TakeAgain(message).receipt.log, Log::kTelemetry);
  EXPECT_EQ(intake_.stats().messages[v1::PROTOCOL_MQTT][static_cast<int>(Kind::kTelemetry)][0]
                                    [IntakeStats::kDisabledDevice],
            2);
}

TEST_F(JournalIntakeTest, WritesTelemetryDown) {
  InboundMessage message = Message(R"({"temperature":21.5})");
  message.message_id = "m-1";
  clock_.Advance(absl::Nanoseconds(5));
  message.received = MomentOf(clock_);
  const Verdict verdict = intake_.Take(message);
  ASSERT_TRUE(verdict.status.ok()) << verdict.status;
  EXPECT_EQ(verdict.receipt.log, Log::kTelemetry);
  EXPECT_EQ(verdict.receipt.offset, 0);

  v1::Telemetry telemetry;
  ASSERT_TRUE(telemetry.ParseFromString(telemetry_.records()[0]));
  EXPECT_EQ(telemetry.device_id(), "pump-7");
  EXPECT_EQ(telemetry.protocol(), v1::PROTOCOL_MQTT);
  EXPECT_EQ(telemetry.message_id(), "m-1");
  EXPECT_EQ(telemetry.received_time().nanos(), 5);
  ASSERT_EQ(telemetry.readings_size(), 1);
  EXPECT_EQ(telemetry.readings(0).double_value(), 21.5);

  EXPECT_EQ(heard_.Take(10, 0).size(), 1u);
  EXPECT_EQ(intake_.stats().messages[v1::PROTOCOL_MQTT][0][0][IntakeStats::kAccepted], 1);
  EXPECT_TRUE(dead_letters_.records().empty());
}

TEST_F(JournalIntakeTest, WritesNoSoonerThanTheSenderWaitsForIt) {
  InboundMessage message = Message("5");
  intake_.Take(message);
  EXPECT_EQ(telemetry_.waits_for(), WaitsFor::kWritten);
  intake_.Take(FromRing(message, 1, 100));
  EXPECT_EQ(telemetry_.waits_for(), WaitsFor::kNothing);
  message.protocol = v1::PROTOCOL_COAP;
  intake_.Take(message);
  EXPECT_EQ(telemetry_.waits_for(), WaitsFor::kWritten);
}

TEST_F(JournalIntakeTest, NoLogHasAMessageOfTheRingBeforeAnotherHasTheOneInFrontOfIt) {
  intake_.Take(FromRing(Message("5"), 1, 100));
  EXPECT_EQ(telemetry_.written(), 0);
  intake_.Take(FromRing(Message("{"), 1, 200));
  EXPECT_EQ(telemetry_.written(), 1);
  EXPECT_EQ(dead_letters_.waits_for(), WaitsFor::kWritten);
  ASSERT_EQ(dead_letters_.records().size(), 1u);

  telemetry_.FailAppends(absl::UnavailableError("cannot write"));
  EXPECT_TRUE(absl::IsUnavailable(intake_.Take(FromRing(Message("{"), 1, 300)).status));
  EXPECT_EQ(dead_letters_.records().size(), 1u);
}

TEST_F(JournalIntakeTest, NothingOfOneMessageIsLeftForTheNext) {
  InboundMessage first = Message(R"({"a":1,"b":2,"ts":5})");
  first.message_id = "m-1";
  EXPECT_TRUE(intake_.Take(first).status.ok());
  EXPECT_FALSE(intake_.Take(Message(R"({"a":1,"b":tru})")).status.ok());
  EXPECT_TRUE(intake_.Take(Message("3")).status.ok());
  v1::Telemetry telemetry;
  ASSERT_TRUE(telemetry.ParseFromString(telemetry_.records()[1]));
  EXPECT_EQ(telemetry.message_id(), "");
  ASSERT_EQ(telemetry.readings_size(), 1);
  EXPECT_EQ(telemetry.readings(0).metric(), "value");
  EXPECT_FALSE(telemetry.readings(0).has_time());
}

TEST_F(JournalIntakeTest, PutsWhatItRefusesToTheDeadLetters) {
  using Code = absl::StatusCode;
  ExpectRefused(Message("{"), v1::DEAD_LETTER_REASON_MALFORMED, Code::kInvalidArgument);
  EXPECT_EQ(LastLetter().payload(), "{");
  EXPECT_EQ(LastLetter().address(), "devices/pump-7/telemetry");
  ExpectRefused(Message("1", Kind::kTelemetry, "a b"), v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID,
                Code::kInvalidArgument);
  EXPECT_EQ(LastLetter().device_id(), "a b");
  ExpectRefused(Message("1", Kind::kTelemetry, ""), v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID,
                Code::kInvalidArgument);
  ExpectRefused(Message("1", Kind::kTelemetry, "\xff\xfe"),
                v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID, Code::kInvalidArgument);
  ExpectRefused(Message("1", Kind::kTelemetry, "stranger"), v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE,
                Code::kNotFound);
  ExpectRefused(Message("1", Kind::kTelemetry, "off"), v1::DEAD_LETTER_REASON_DISABLED_DEVICE,
                Code::kFailedPrecondition);
  ExpectRefused(Message("online", Kind::kStatus, "off"), v1::DEAD_LETTER_REASON_DISABLED_DEVICE,
                Code::kFailedPrecondition);
  InboundMessage message = Message("1");
  message.content_type = "application/cbor";
  ExpectRefused(message, v1::DEAD_LETTER_REASON_UNSUPPORTED_CONTENT_TYPE, Code::kUnimplemented);
  EXPECT_EQ(LastLetter().content_type(), "application/cbor");
  message = Message("1");
  const std::string long_id(129, 'm');
  message.message_id = long_id;
  ExpectRefused(message, v1::DEAD_LETTER_REASON_MALFORMED, Code::kInvalidArgument);
  ExpectRefused(Message("asleep", Kind::kStatus), v1::DEAD_LETTER_REASON_MALFORMED,
                Code::kInvalidArgument);
  ExpectRefused(Message("{", Kind::kCommandResponse), v1::DEAD_LETTER_REASON_MALFORMED,
                Code::kInvalidArgument);
  message = Message("{}", Kind::kCommandResponse);
  message.command_id = "a/b";
  ExpectRefused(message, v1::DEAD_LETTER_REASON_MALFORMED, Code::kInvalidArgument);

  const auto stats = intake_.stats();
  EXPECT_EQ(stats.messages[v1::PROTOCOL_MQTT][0][0][IntakeStats::kIllegalDeviceId], 3);
  EXPECT_EQ(stats.messages[v1::PROTOCOL_MQTT][0][0][IntakeStats::kMalformed], 2);
  EXPECT_EQ(stats.messages[v1::PROTOCOL_MQTT][1][0][IntakeStats::kMalformed], 1);
  EXPECT_EQ(stats.messages[v1::PROTOCOL_MQTT][2][0][IntakeStats::kMalformed], 2);
  EXPECT_EQ(heard_.size(), 0u);
}

TEST_F(JournalIntakeTest, KeepsTheBeginningOfWhatIsTooLarge) {
  const std::string payload(65537, 'x');
  ExpectRefused(Message(payload), v1::DEAD_LETTER_REASON_TOO_LARGE, absl::StatusCode::kOutOfRange);
  EXPECT_EQ(LastLetter().payload().size(), 65536u);
  EXPECT_EQ(LastLetter().payload_size_bytes(), 65537);

  // The source had cut it off before.
  InboundMessage message = Message("1");
  message.payload_size_bytes = 1'000'000;
  ExpectRefused(message, v1::DEAD_LETTER_REASON_TOO_LARGE, absl::StatusCode::kOutOfRange);
  EXPECT_EQ(LastLetter().payload_size_bytes(), 1'000'000);
}

TEST_F(JournalIntakeTest, RegistersTheUnknownIfItMay) {
  JournalIntake intake(
      {&telemetry_, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window_, &rates_},
      {true});
  EXPECT_TRUE(intake.Take(Message("1", Kind::kTelemetry, "stranger")).status.ok());
  EXPECT_TRUE(intake.Take(Message("2", Kind::kTelemetry, "stranger")).status.ok());
  EXPECT_FALSE(intake.Take(Message("{", Kind::kTelemetry, "garbage")).status.ok());
  EXPECT_FALSE(intake.Take(Message("1", Kind::kTelemetry, "off")).status.ok());
  EXPECT_EQ(newcomers_.Take(10), std::vector<std::string>{"stranger"});
  EXPECT_EQ(telemetry_.records().size(), 2u);
}

TEST_F(JournalIntakeTest, WritesStatusesForTheRegistry) {
  const Verdict verdict = intake_.Take(Message("offline", Kind::kStatus));
  ASSERT_TRUE(verdict.status.ok()) << verdict.status;
  EXPECT_EQ(verdict.receipt.log, Log::kReports);
  EXPECT_EQ(LastReport().device_id(), "pump-7");
  EXPECT_EQ(LastReport().received_time_us(), absl::ToUnixMicros(clock_.Now()));
  EXPECT_EQ(LastReport().status().status(), v1::DEVICE_STATUS_OFFLINE);
  // Also when it is known: its time is news.
  EXPECT_EQ(intake_.Take(Message("online", Kind::kStatus)).receipt.log, Log::kReports);
}

TEST_F(JournalIntakeTest, WritesARetainedStatusOnlyIfItIsNews) {
  InboundMessage message = Message("online", Kind::kStatus);
  message.retained = true;
  Verdict verdict = intake_.Take(message);
  EXPECT_TRUE(verdict.status.ok());
  EXPECT_EQ(verdict.receipt.log, Log::kNone);
  EXPECT_TRUE(intake_.IsDurable(verdict.receipt));
  EXPECT_TRUE(reports_.records().empty());
  EXPECT_EQ(intake_.stats().messages[v1::PROTOCOL_MQTT][1][0][IntakeStats::kUnchanged], 1);

  message.payload = R"({"status":"online","message":"warm"})";
  verdict = intake_.Take(message);
  EXPECT_EQ(verdict.receipt.log, Log::kReports);
  EXPECT_EQ(LastReport().received_time_us(), 0) << "when it was said is not known";
}

TEST_F(JournalIntakeTest, ARetainedStatusDoesNotOvertakeWhatIsStillInARing) {
  InboundMessage telemetry = Message("1");
  clock_.Advance(absl::Seconds(5));
  InboundMessage status = Message("offline", Kind::kStatus);
  status.retained = true;
  intake_.Take(status);
  intake_.Take(telemetry);
  EXPECT_EQ(heard_.Take(10, 1).size(), 1u) << "the device may have said it long before";
}

TEST_F(JournalIntakeTest, AStatusOvertakesWhatWasHeardBefore) {
  intake_.Take(Message("1"));
  intake_.Take(Message("offline", Kind::kStatus));
  EXPECT_TRUE(heard_.Take(10, 100).empty());
  intake_.Take(Message("2"));
  EXPECT_TRUE(heard_.Take(10, 0).empty()) << "the status is not forwarded yet";
  EXPECT_EQ(heard_.Take(10, 1).size(), 1u);
}

TEST_F(JournalIntakeTest, WritesCommandResponsesForTheRegistry) {
  const Verdict verdict =
      intake_.Take(Message(R"({"status":"failed","message":"jammed"})", Kind::kCommandResponse));
  ASSERT_TRUE(verdict.status.ok()) << verdict.status;
  EXPECT_EQ(verdict.receipt.log, Log::kReports);
  EXPECT_EQ(LastReport().command().command_id(), "c-1");
  EXPECT_EQ(LastReport().command().state(), v1::COMMAND_STATE_FAILED);
  EXPECT_EQ(LastReport().command().error_message(), "jammed");
}

TEST_F(JournalIntakeTest, EveryRecordSaysWhereItCameFrom) {
  const std::string sender = R"(client_id: "client-7" username: "anna")";
  intake_.Take(FromRing(Message("1"), 5, 100));
  EXPECT_EQ(LastTelemetry().sender().ShortDebugString(), sender);
  EXPECT_EQ(LastTelemetry().ring_position().ShortDebugString(), "ring_id: 5 end: 100");
  intake_.Take(FromRing(Message("{"), 5, 200));
  EXPECT_EQ(LastLetter().sender().ShortDebugString(), sender);
  EXPECT_EQ(LastLetter().ring_position().ShortDebugString(), "ring_id: 5 end: 200");
  intake_.Take(FromRing(Message("{}", Kind::kCommandResponse), 5, 300));
  EXPECT_EQ(LastReport().ring_position().ShortDebugString(), "ring_id: 5 end: 300");
  intake_.Take(FromRing(Message("online", Kind::kStatus), 5, 400));
  EXPECT_EQ(LastReport().ring_position().ShortDebugString(), "ring_id: 5 end: 400");

  // What came another way is no mark of a ring.
  for (const absl::string_view payload : {"1", "{"}) intake_.Take(Message(payload));
  intake_.Take(Message("online", Kind::kStatus));
  EXPECT_FALSE(LastTelemetry().has_sender() || LastTelemetry().has_ring_position());
  EXPECT_FALSE(LastLetter().has_sender() || LastLetter().has_ring_position());
  EXPECT_FALSE(LastReport().has_ring_position());
}

TEST_F(JournalIntakeTest, BoundsWhatSendersCallThemselves) {
  const std::string long_name(300, 'n');
  InboundMessage message = Message("1");
  message.client_id = long_name;
  message.username = "caf\xe9";
  intake_.Take(message);
  EXPECT_EQ(LastTelemetry().sender().client_id(), std::string(256, 'n'));
  EXPECT_EQ(LastTelemetry().sender().username(), "caf\xef\xbf\xbd");
  message.payload = "{";
  message.client_id = "";
  message.username = long_name;
  intake_.Take(message);
  EXPECT_EQ(LastLetter().sender().client_id(), "");
  EXPECT_EQ(LastLetter().sender().username(), std::string(256, 'n'));
}

TEST_F(JournalIntakeTest, WhatALogHasFromBeforeACrashIsNotWrittenAgain) {
  RingMarks marks;
  marks.Add(Log::kTelemetry, {5, 200});
  marks.Add(Log::kDeadLetters, {5, 300});
  JournalIntake intake(
      {&telemetry_, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window_, &rates_},
      {false, marks});
  const auto log = [&](const InboundMessage& message) { return intake.Take(message).receipt.log; };
  const Verdict again = intake.Take(FromRing(Message("1"), 5, 200));
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(again.receipt.log, Log::kNone);
  EXPECT_TRUE(intake.IsDurable(again.receipt));
  EXPECT_TRUE(telemetry_.records().empty());
  // The mark of the dead letters is further on, and says nothing about the others.
  EXPECT_EQ(log(FromRing(Message("1"), 5, 208)), Log::kTelemetry);
  EXPECT_EQ(log(FromRing(Message("{}", Kind::kCommandResponse), 5, 100)), Log::kReports);
  EXPECT_EQ(log(FromRing(Message("1"), 6, 100)), Log::kTelemetry) << "of another ring";
  EXPECT_EQ(log(Message("1")), Log::kTelemetry) << "of none";

  const Verdict refused_again = intake.Take(FromRing(Message("{"), 5, 300));
  EXPECT_EQ(refused_again.reason, v1::DEAD_LETTER_REASON_MALFORMED);
  EXPECT_EQ(refused_again.receipt.log, Log::kNone);
  EXPECT_TRUE(dead_letters_.records().empty());
  EXPECT_EQ(log(FromRing(Message("{"), 5, 308)), Log::kDeadLetters);

  const auto stats = intake.stats();
  EXPECT_EQ(stats.messages[v1::PROTOCOL_MQTT][0][0][IntakeStats::kUnchanged], 1);
  EXPECT_EQ(stats.messages[v1::PROTOCOL_MQTT][0][0][IntakeStats::kAccepted], 3);
}

TEST_F(JournalIntakeTest, WhatIsKnownForNothingBecomesADeadLetter) {
  InboundMessage message = Message("who knows", Kind::kUnknown, "");
  message.address = "devices/pump-7/elsewhere";
  ExpectRefused(FromRing(message, 5, 100), v1::DEAD_LETTER_REASON_MALFORMED,
                absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LastLetter().address(), "devices/pump-7/elsewhere");
  EXPECT_EQ(LastLetter().payload(), "who knows");
  EXPECT_EQ(LastLetter().sender().client_id(), "client-7");
  EXPECT_EQ(intake_.stats().messages[v1::PROTOCOL_MQTT][3][0][IntakeStats::kMalformed], 1);
}

TEST_F(JournalIntakeTest, SaysNotNowWhenAJournalDoesNotTakeIt) {
  telemetry_.FailAppends(absl::ResourceExhaustedError("disk full"));
  Verdict verdict = intake_.Take(Message("1"));
  EXPECT_EQ(verdict.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(verdict.reason, v1::DEAD_LETTER_REASON_UNSPECIFIED);
  EXPECT_EQ(verdict.receipt.log, Log::kNone);
  EXPECT_TRUE(dead_letters_.records().empty());
  EXPECT_EQ(heard_.size(), 0u);

  dead_letters_.FailAppends(absl::DataLossError("odd"));
  verdict = intake_.Take(Message("{"));
  EXPECT_EQ(verdict.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(verdict.reason, v1::DEAD_LETTER_REASON_UNSPECIFIED);
  EXPECT_EQ(intake_.stats().messages[v1::PROTOCOL_MQTT][0][0][IntakeStats::kUnavailable], 2);
}

TEST_F(JournalIntakeTest, TellsWhatIsDurable) {
  int calls = 0;
  const int64_t key = intake_.AddDurableListener([&] { ++calls; });
  const Verdict accepted = intake_.Take(Message("1"));
  const Verdict refused = intake_.Take(Message("{"));
  EXPECT_FALSE(intake_.IsDurable(accepted.receipt));
  EXPECT_FALSE(intake_.WaitDurable(refused.receipt, absl::ZeroDuration()));
  telemetry_.Sync();
  EXPECT_TRUE(intake_.IsDurable(accepted.receipt));
  EXPECT_FALSE(intake_.IsDurable(refused.receipt));
  dead_letters_.Sync();
  EXPECT_TRUE(intake_.WaitDurable(refused.receipt, absl::ZeroDuration()));
  reports_.Sync();
  EXPECT_EQ(calls, 3);
  intake_.RemoveDurableListener(key);
  intake_.RemoveDurableListener(key);
  telemetry_.Sync();
  EXPECT_EQ(calls, 3);
}

TEST_F(JournalIntakeTest, TakesDecodedTelemetryWithoutDeadLetters) {
  v1::Telemetry telemetry;
  telemetry.set_offset(99);
  telemetry.set_protocol(v1::PROTOCOL_COAP);
  telemetry.set_device_id("pump-7");
  auto* reading = telemetry.add_readings();
  reading->set_metric("a");
  reading->set_int_value(1);
  v1::Telemetry spoiled = telemetry;
  Verdict verdict = intake_.TakeDecoded(MomentOf(clock_), &telemetry);
  ASSERT_TRUE(verdict.status.ok()) << verdict.status;
  v1::Telemetry written;
  ASSERT_TRUE(written.ParseFromString(telemetry_.records()[0]));
  EXPECT_EQ(written.offset(), 0);
  EXPECT_EQ(written.protocol(), v1::PROTOCOL_GRPC);
  EXPECT_EQ(written.received_time().seconds(), absl::ToUnixSeconds(clock_.Now()));

  spoiled.mutable_readings(0)->clear_metric();
  EXPECT_EQ(intake_.TakeDecoded(MomentOf(clock_), &spoiled).status.code(),
            absl::StatusCode::kInvalidArgument);
  spoiled = written;
  spoiled.set_device_id("off");
  EXPECT_EQ(intake_.TakeDecoded(MomentOf(clock_), &spoiled).status.code(),
            absl::StatusCode::kFailedPrecondition);
  spoiled = written;
  for (int i = 0; i < 20; ++i) {
    spoiled.add_readings()->set_metric("b");
    spoiled.mutable_readings(i + 1)->set_bytes_value(std::string(65536, 'x'));
  }
  verdict = intake_.TakeDecoded(MomentOf(clock_), &spoiled);
  EXPECT_EQ(verdict.status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(dead_letters_.records().empty());
  EXPECT_EQ(telemetry_.records().size(), 1u);
}

TEST_F(JournalIntakeTest, ACallerCannotNameASenderOrAPlaceInARing) {
  v1::Telemetry telemetry;
  telemetry.set_device_id("pump-7");
  telemetry.add_readings()->set_metric("a");
  telemetry.mutable_readings(0)->set_int_value(1);
  telemetry.mutable_sender()->set_client_id("somebody else");
  telemetry.mutable_ring_position()->set_ring_id(5);
  telemetry.mutable_ring_position()->set_end(1'000'000);
  ASSERT_TRUE(intake_.TakeDecoded(MomentOf(clock_), &telemetry).status.ok());
  EXPECT_FALSE(LastTelemetry().has_sender());
  EXPECT_FALSE(LastTelemetry().has_ring_position());
}

TEST_F(JournalIntakeTest, TheSameMessageIdHasOneEffectByWhateverWaysItComes) {
  ASSERT_TRUE(intake_.Take(Message("1")).status.ok());
  InboundMessage message = Message("2");
  message.message_id = "m-1";
  message.qos = 1;
  EXPECT_FALSE(intake_.Take(message).duplicate);
  ASSERT_TRUE(intake_.Take(Message("3")).status.ok());

  const Verdict again = intake_.Take(message);
  EXPECT_TRUE(again.status.ok());
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.receipt.log, Log::kTelemetry);
  EXPECT_EQ(again.receipt.offset, 1) << "that of the first one";
  EXPECT_FALSE(intake_.IsDurable(again.receipt));
  telemetry_.Sync();
  EXPECT_TRUE(intake_.IsDurable(again.receipt));

  message.protocol = v1::PROTOCOL_COAP;
  EXPECT_EQ(intake_.Take(message).receipt.offset, 1);
  v1::Telemetry decoded = LastTelemetry();
  decoded.set_message_id("m-1");
  EXPECT_EQ(intake_.TakeDecoded(MomentOf(clock_), &decoded).receipt.offset, 1);
  EXPECT_EQ(telemetry_.records().size(), 3u);
  const IntakeStats stats = intake_.stats();
  for (const v1::Protocol protocol : {v1::PROTOCOL_MQTT, v1::PROTOCOL_COAP, v1::PROTOCOL_GRPC}) {
    EXPECT_EQ(stats.messages[protocol][0][1][IntakeStats::kDuplicate], 1) << protocol;
  }
  EXPECT_EQ(stats.messages[v1::PROTOCOL_MQTT][0][1][IntakeStats::kAccepted], 1);
}

TEST_F(JournalIntakeTest, AMessageThatCouldNotBeWrittenMayComeAgain) {
  InboundMessage message = Message("2");
  message.message_id = "m-1";
  telemetry_.FailAppends(absl::UnavailableError("the disk is gone"));
  EXPECT_TRUE(absl::IsUnavailable(intake_.Take(message).status));
  telemetry_.FailAppends(absl::OkStatus());
  const Verdict verdict = intake_.Take(message);
  EXPECT_TRUE(verdict.status.ok());
  EXPECT_FALSE(verdict.duplicate);
  EXPECT_EQ(telemetry_.records().size(), 1u);
}

TEST_F(JournalIntakeTest, OfARefusedMessageTheIdIsFree) {
  InboundMessage message = Message("{");
  message.message_id = "m-1";
  EXPECT_FALSE(intake_.Take(message).status.ok());
  message.payload = "1";
  EXPECT_FALSE(intake_.Take(message).duplicate);
  EXPECT_EQ(telemetry_.records().size(), 1u);
}

// Statuses may come and go with the same id: the newest counts.
TEST_F(JournalIntakeTest, MessageIdsOfOtherKindsSayNothing) {
  for (const Kind kind : {Kind::kStatus, Kind::kCommandResponse}) {
    InboundMessage message = Message(kind == Kind::kStatus ? "offline" : "{}", kind);
    message.message_id = "m-1";
    EXPECT_FALSE(intake_.Take(message).duplicate);
    EXPECT_FALSE(intake_.Take(message).duplicate);
  }
  EXPECT_EQ(reports_.records().size(), 4u);
}

class JournalIntakeRateTest : public JournalIntakeTest {
 protected:
  JournalIntakeRateTest() { Register("valve-1", true); }

  Verdict Take(v1::Protocol protocol, int qos, absl::string_view payload = "1",
               Kind kind = Kind::kTelemetry) {
    InboundMessage message = Message(payload, kind);
    message.protocol = protocol;
    message.qos = qos;
    return limited_.Take(message);
  }
  Verdict TakeDecoded(const std::string& device_id) {
    v1::Telemetry telemetry;
    telemetry.set_device_id(device_id);
    telemetry.add_readings()->set_metric("a");
    telemetry.mutable_readings(0)->set_int_value(1);
    telemetry.set_over_rate(true);
    return limited_.TakeDecoded(MomentOf(clock_), &telemetry);
  }
  // The pump sends all that it may.
  void UseUpTheRate() {
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(Take(v1::PROTOCOL_COAP, 1).status.ok());
  }
  int64_t Count(v1::Protocol protocol, int qos, IntakeStats::Outcome outcome) {
    return limited_.stats().messages[protocol][0][qos][outcome];
  }

  DeviceRates one_per_s_{1, 2};
  JournalIntake limited_{{&telemetry_, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_,
                          &window_, &one_per_s_},
                         {false}};
};

TEST_F(JournalIntakeRateTest, WhatIsOverTheRateIsNotTaken) {
  UseUpTheRate();
  clock_.Advance(absl::Milliseconds(250));
  for (const int qos : {0, 1}) {
    const Verdict verdict = Take(v1::PROTOCOL_COAP, qos);
    EXPECT_EQ(verdict.status,
              absl::ResourceExhaustedError("device pump-7 sends more than it may; again in 750ms"));
    EXPECT_TRUE(verdict.over_rate);
    EXPECT_EQ(verdict.retry_after, absl::Milliseconds(750));
    EXPECT_EQ(verdict.receipt.log, Log::kNone);
  }
  EXPECT_TRUE(Take(v1::PROTOCOL_MQTT, 0).over_rate);
  EXPECT_TRUE(Take(v1::PROTOCOL_COAP, 1, "offline", Kind::kStatus).over_rate);
  EXPECT_FALSE(Take(v1::PROTOCOL_COAP, 1, "{").status.ok()) << "nor does it fill the dead letters";
  EXPECT_TRUE(TakeDecoded("pump-7").over_rate);
  EXPECT_TRUE(TakeDecoded("valve-1").status.ok()) << "another device";
  EXPECT_FALSE(LastTelemetry().over_rate()) << "whatever the caller says";
  EXPECT_EQ(telemetry_.records().size(), 3u);
  EXPECT_TRUE(dead_letters_.records().empty());
  EXPECT_TRUE(reports_.records().empty());
  EXPECT_EQ(Count(v1::PROTOCOL_COAP, 0, IntakeStats::kOverRate), 1);
  EXPECT_EQ(Count(v1::PROTOCOL_COAP, 1, IntakeStats::kOverRate), 2);
  EXPECT_EQ(Count(v1::PROTOCOL_MQTT, 0, IntakeStats::kOverRate), 1);
  EXPECT_EQ(Count(v1::PROTOCOL_GRPC, 1, IntakeStats::kOverRate), 1);
  clock_.Advance(absl::Milliseconds(750));
  EXPECT_TRUE(Take(v1::PROTOCOL_COAP, 1).status.ok());
}

TEST_F(JournalIntakeRateTest, WhatABrokerHasAcknowledgedIsTakenAndFlagged) {
  ASSERT_TRUE(Take(v1::PROTOCOL_MQTT, 1).status.ok());
  EXPECT_FALSE(LastTelemetry().over_rate());
  ASSERT_TRUE(Take(v1::PROTOCOL_MQTT, 1).status.ok());
  const Verdict verdict = Take(v1::PROTOCOL_MQTT, 1);
  EXPECT_TRUE(verdict.status.ok());
  EXPECT_TRUE(verdict.over_rate);
  EXPECT_TRUE(LastTelemetry().over_rate());
  EXPECT_EQ(Count(v1::PROTOCOL_MQTT, 1, IntakeStats::kAccepted), 2);
  EXPECT_EQ(Count(v1::PROTOCOL_MQTT, 1, IntakeStats::kAcceptedOverRate), 1);
  EXPECT_TRUE(Take(v1::PROTOCOL_MQTT, 0, "offline", Kind::kStatus).status.ok())
      << "it may be its Will";
  EXPECT_EQ(reports_.records().size(), 1u);
}

TEST_F(JournalIntakeRateTest, DeadLettersComeBackAtWhateverRate) {
  UseUpTheRate();
  InboundMessage message = Message("1");
  message.protocol = v1::PROTOCOL_COAP;
  message.received.uptime = -absl::InfiniteDuration();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limited_.TakeAgain(message).status.ok());
  EXPECT_EQ(telemetry_.records().size(), 5u);
}

TEST_F(JournalIntakeRateTest, WhatComesByARingIsLimitedElsewhere) {
  UseUpTheRate();
  InboundMessage message = FromRing(Message("1"), 1, 100);
  message.ring->read_before = false;
  EXPECT_FALSE(limited_.Take(message).over_rate);
  EXPECT_EQ(telemetry_.records().size(), 3u);
}

TEST_F(JournalIntakeTest, ServesManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kMessages = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < kMessages; ++i) {
        EXPECT_TRUE(intake_.Take(Message(R"({"a":1,"b":{"c":2}})")).status.ok());
        EXPECT_FALSE(intake_.Take(Message("{")).status.ok());
        EXPECT_TRUE(intake_.Take(Message("offline", Kind::kStatus)).status.ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(telemetry_.records().size(), size_t{kThreads * kMessages});
  EXPECT_EQ(dead_letters_.records().size(), size_t{kThreads * kMessages});
  EXPECT_EQ(reports_.records().size(), size_t{kThreads * kMessages});
  for (const std::string& record : telemetry_.records()) {
    v1::Telemetry telemetry;
    ASSERT_TRUE(telemetry.ParseFromString(record));
    ASSERT_EQ(telemetry.readings_size(), 2);
  }
}

}  // namespace
}  // namespace sluice::ingress
