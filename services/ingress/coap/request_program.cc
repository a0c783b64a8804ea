#include "services/ingress/coap/request_program.h"

#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/ingress/decoder/text.h"
#include "tools/fuzz/require.h"

namespace sluice::ingress {
namespace {

constexpr int kMaxSteps = 200;
constexpr size_t kRememberedRequests = 8;
using Action = CoapRequestHandler::Outcome::Action;

std::string TextOf(const absl::optional<CoapBlock>& block) {
  if (!block.has_value()) return "-";
  return absl::StrCat(block->number, "/", block->more, "/", block->size_exponent);
}

bool Same(const CoapAnswer& a, const CoapAnswer& b) {
  return a.code == b.code && a.payload == b.payload && a.content_format == b.content_format &&
         a.max_age_seconds == b.max_age_seconds && a.block1 == b.block1 && a.block2 == b.block2 &&
         a.size1 == b.size1 && a.size2 == b.size2;
}

}  // namespace

CoapRequest RequestProgram::Sent::View() const {
  CoapRequest request;
  request.key.peer.port = port;
  request.key.message_id = message_id;
  request.key.fingerprint = std::hash<std::string>()(Text());
  request.confirmable = confirmable;
  request.method = method;
  request.path.assign(path.begin(), path.end());
  request.query.assign(query.begin(), query.end());
  request.content_format = content_format;
  request.block1 = block1;
  request.block2 = block2;
  request.size1 = size1;
  request.request_tags = request_tags;
  request.condition_option = condition_option;
  request.payload = payload;
  return request;
}

std::string RequestProgram::Sent::Text() const {
  std::string text =
      absl::StrCat(port, " ", message_id, " ", confirmable, " ", static_cast<int>(method), " ",
                   content_format.value_or(0xffff), " ", TextOf(block1), " ", TextOf(block2), " ",
                   size1.value_or(0), " ", condition_option);
  for (const auto* parts : {&path, &query}) {
    absl::StrAppend(&text, " ", parts->size());
    for (const std::string& part : *parts) absl::StrAppend(&text, " ", part.size(), ":", part);
  }
  return absl::StrCat(text, " ", request_tags.size(), ":", request_tags, " ", payload);
}

CoapRequestHandler::Options RequestProgram::Options() {
  CoapRequestHandler::Options options;
  options.reassembly.max_body_bytes = 100;
  return options;
}

void RequestProgram::Run() {
  for (int i = 0; i < kMaxSteps && !input_.empty(); ++i) {
    const unsigned code = input_.Byte() % 16;
    if (code == 0) {
      clock_.Advance(absl::Seconds(input_.Below(64)));
    } else if (code < 3) {
      SyncAndAnswer();
    } else if (code < 6 && !sent_.empty()) {
      Send(Sent(sent_[input_.Below(sent_.size())]));
    } else {
      Sent sent = NewRequest();
      Send(sent);
      sent_.push_back(std::move(sent));
      if (sent_.size() > kRememberedRequests) sent_.pop_front();
    }
  }
}

RequestProgram::Sent RequestProgram::NewRequest() {
  Sent sent;
  sent.port = static_cast<uint16_t>(1 + input_.Below(2));
  sent.message_id = static_cast<uint16_t>(input_.Below(256));
  const uint8_t shape = input_.Byte();
  sent.confirmable = shape % 4 != 0;
  sent.path = {"devices", input_.Below(4) == 0 ? input_.Bytes(input_.Below(8)) : "d", "telemetry"};
  switch (shape / 4 % 8) {
    case 0:
      sent.path = {".well-known", "core"};
      sent.method = CoapMethod::kGet;
      sent.block2 = CoapBlock{static_cast<uint32_t>(input_.Number(3)) % (1 << 20), false,
                              static_cast<uint8_t>(input_.Below(8))};
      break;
    case 1:
      sent.path[2] = "status";
      break;
    case 2:
      sent.path = {"devices", "d", "commands", input_.Bytes(input_.Below(4)), "response"};
      break;
    case 3:
      sent.path[input_.Below(3)] = input_.Bytes(input_.Below(8));
      sent.method = static_cast<CoapMethod>(1 + input_.Below(4));
      sent.condition_option = input_.Byte() % 2;
      break;
    case 4:
      sent.query = {input_.Bytes(input_.Below(8)), absl::StrCat("id=", input_.Below(4))};
      sent.request_tags = input_.Bytes(input_.Below(4));
      sent.content_format = static_cast<uint16_t>(input_.Number(2));
      break;
    default:
      break;
  }
  if (shape / 32 != 0) {
    const uint8_t block = input_.Byte();
    sent.block1 = CoapBlock{block % 8u, block / 8 % 4 != 0, static_cast<uint8_t>(block / 64)};
    if (shape / 32 == 1) sent.size1 = input_.Byte();
    const bool full = sent.block1->more && input_.Byte() % 16 != 0;
    sent.payload = std::string(full ? sent.block1->size_bytes() : input_.Below(20), ' ');
    if (!sent.payload.empty()) sent.payload[0] = static_cast<char>(input_.Byte());
  } else {
    sent.payload = input_.Bytes(input_.Below(32));
  }
  return sent;
}

void RequestProgram::Send(const Sent& sent) {
  const auto taken_before = intake_.taken().size();
  const bool has_room = input_.Byte() % 8 != 0;
  // Forgotten by then. Time passes in seconds, so no message is at the edge.
  const std::string text = sent.Text();
  const auto duplicates = handler_.dedup_stats().duplicates;
  const CoapRequestHandler::Outcome outcome = handler_.Handle(sent.View(), has_room);
  const auto taken = intake_.taken();
  Require(taken.size() <= taken_before + 1, "one request, two effects");
  Require(static_cast<size_t>(handler_.stats().taken) == taken.size(), "miscounted");

  if (handler_.dedup_stats().duplicates > duplicates) {
    Require(taken.size() == taken_before, "sent again it has an effect again");
    const auto seen = seen_.find(text);
    Require(seen != seen_.end(), "taken for another that was sent before");
    return CheckAgain(sent, seen->second, outcome);
  }
  if (taken.size() > taken_before) CheckTaken(sent, taken.back());
  switch (outcome.action) {
    case Action::kAnswer:
      CheckAnswer(sent, outcome.answer);
      seen_[text] = {false, false, outcome.answer};
      break;
    case Action::kPend:
      Require(has_room, "an answer pends that there is no room for");
      Require(taken.size() > taken_before, "an answer pends without an effect");
      CheckAnswer(sent, outcome.answer);
      seen_[text] = {true, false, outcome.answer};
      pending_.emplace_back(sent, outcome.answer);
      if (input_.Byte() % 4 == 0) {
        handler_.OnAcknowledged(sent.View().key);
        seen_[text].acknowledged = true;
      }
      break;
    case Action::kIgnore:
      Require(!has_room && !sent.confirmable, "a new request is passed over");
      break;
    default:
      Require(false, "a new request is acknowledged at once");
  }
}

void RequestProgram::SyncAndAnswer() {
  intake_.Sync();
  for (const auto& [sent, answer] : pending_) {
    handler_.OnAnswered(sent.View().key, answer);
    seen_[sent.Text()].pending = false;
  }
  pending_.clear();
}

void RequestProgram::CheckAgain(const Sent& sent, const Seen& seen,
                                const CoapRequestHandler::Outcome& outcome) {
  if (seen.pending) {
    Require(outcome.action == (seen.acknowledged ? Action::kAcknowledge : Action::kIgnore),
            "sent again while it pends it is answered");
  } else if (sent.confirmable) {
    Require(outcome.action == Action::kAnswer && Same(outcome.answer, seen.answer),
            "sent again it is answered otherwise");
  } else {
    Require(outcome.action == Action::kIgnore, "doubled by the network it is answered");
  }
}

void RequestProgram::CheckTaken(const Sent& sent, const FakeIntake::Taken& taken) {
  Require(taken.device_id == sent.path[1], "another device's");
  const size_t limit = Options().reassembly.max_body_bytes;
  std::string body = sent.payload;
  if (sent.block1.has_value() && sent.block1->number > 0) {
    body =
        bodies_[{sent.port, sent.path, sent.query, sent.content_format, sent.request_tags}] + body;
  }
  if (taken.payload_size_bytes == static_cast<int64_t>(taken.payload.size())) {
    Require(taken.payload == body, "not the payload that was sent");
  } else {
    Require(taken.payload_size_bytes > static_cast<int64_t>(limit) &&
                taken.payload == body.substr(0, limit),
            "not the start of what was sent");
  }
}

void RequestProgram::CheckAnswer(const Sent& sent, const CoapAnswer& answer) {
  const int code_class = CodeClass(answer.code);
  Require(code_class == 2 || code_class == 4 || code_class == 5, "no code of an answer");
  Require(answer.payload.size() <= kMaxDiagnosticBytes, "a long answer");
  Require(ValidUtf8Prefix(answer.payload) == answer.payload.size(), "an answer that is not UTF-8");
  if (sent.method == CoapMethod::kGet && answer.code == CoapCode::kContent) {
    const size_t start = sent.block2->number * sent.block2->size_bytes();
    Require(answer.payload == ResourceListing().substr(start, sent.block2->size_bytes()),
            "not the block that was asked for");
    Require(answer.block2.has_value() &&
                answer.block2->more == (start + answer.payload.size() < ResourceListing().size()),
            "it does not say whether there is more");
    return;
  }
  if (code_class == 2) Require(answer.block1 == sent.block1, "another block is answered");
  if (answer.code != CoapCode::kContinue) return;
  Require(sent.block1.has_value() && sent.block1->more, "more is asked for than there is");
  std::string& body =
      bodies_[{sent.port, sent.path, sent.query, sent.content_format, sent.request_tags}];
  const size_t start = sent.block1->number * sent.block1->size_bytes();
  if (start == 0) body.clear();
  Require(start <= body.size(), "a block is taken before the one in front of it");
  if (start == body.size()) {
    body += sent.payload;
  } else {
    Require(body.compare(start, sent.payload.size(), sent.payload) == 0, "another block is taken");
  }
}

}  // namespace sluice::ingress
