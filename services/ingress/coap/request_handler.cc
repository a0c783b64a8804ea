#include "services/ingress/coap/request_handler.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/ingress/coap/content_format.h"

namespace sluice::ingress {
namespace {

using Outcome = CoapRequestHandler::Outcome;

Outcome Refuse(CoapCode code, absl::string_view diagnostic) {
  Outcome outcome;
  outcome.answer.code = code;
  outcome.answer.payload = Diagnostic(diagnostic);
  return outcome;
}

Outcome AnswerListing(const CoapRequest& request) {
  if (request.accept.has_value() && *request.accept != kCoapFormatLinkFormat) {
    return Refuse(CoapCode::kNotAcceptable, "Accept: only application/link-format (40) is here");
  }
  const absl::string_view listing = ResourceListing();
  Outcome outcome;
  outcome.answer.code = CoapCode::kContent;
  outcome.answer.content_format = kCoapFormatLinkFormat;
  if (!request.block2.has_value()) {
    outcome.answer.payload = std::string(listing);
    return outcome;
  }
  CoapBlock block = *request.block2;
  const size_t start = block.number * block.size_bytes();
  if (block.size_exponent > 6 || start >= listing.size()) {
    return Refuse(CoapCode::kBadRequest,
                  absl::StrCat("Block2: there is no such block; the size is ", listing.size()));
  }
  outcome.answer.payload = std::string(listing.substr(start, block.size_bytes()));
  block.more = start + block.size_bytes() < listing.size();
  outcome.answer.block2 = block;
  outcome.answer.size2 = listing.size();
  return outcome;
}

InboundMessage::Kind MessageKind(CoapResource::Kind kind) {
  switch (kind) {
    case CoapResource::Kind::kStatus:
      return InboundMessage::Kind::kStatus;
    case CoapResource::Kind::kCommandResponse:
      return InboundMessage::Kind::kCommandResponse;
    default:
      return InboundMessage::Kind::kTelemetry;
  }
}

// The Uri-Query `id=…`, or empty.
absl::string_view MessageId(const CoapRequest& request) {
  for (absl::string_view query : request.query) {
    if (absl::ConsumePrefix(&query, "id=")) return query;
  }
  return "";
}

// What the blocks of one payload have in common (RFC 7959, 2.4; RFC 9175, 3.3). Each part ends
// where its length, written before it, says.
std::string TransferKey(const CoapRequest& request) {
  const CoapPeer& peer = request.key.peer;
  std::string key(reinterpret_cast<const char*>(peer.ip.data()), peer.ip.size());
  absl::StrAppend(&key, peer.scope, ":", peer.port, "/", request.path.size());
  for (absl::string_view part : request.path) absl::StrAppend(&key, "/", part.size(), ":", part);
  for (absl::string_view part : request.query) absl::StrAppend(&key, "?", part.size(), ":", part);
  absl::StrAppend(&key, "#", request.content_format.value_or(0xffff), "#", request.request_tags);
  return key;
}

}  // namespace

CoapRequestHandler::CoapRequestHandler(const Options& options, Intake* intake, const Clock* clock)
    : options_(options),
      intake_(intake),
      clock_(clock),
      dedup_(options.dedup, clock),
      reassembly_(options.reassembly, clock) {}

Outcome CoapRequestHandler::Handle(const CoapRequest& request, bool has_room) {
  ++stats_.requests;
  const CoapResource resource = ParseResourcePath(request.path);
  if (resource.kind == CoapResource::Kind::kUnknown) {
    return Refuse(CoapCode::kNotFound,
                  absl::StrCat(FormatPath(request.path),
                               ": there is no such resource; see /.well-known/core"));
  }
  if (!resource.Allows(request.method)) {
    return Refuse(CoapCode::kMethodNotAllowed,
                  absl::StrCat(FormatPath(request.path), ": allows ",
                               resource.Allows(CoapMethod::kGet) ? "GET" : "POST", " only"));
  }
  if (request.condition_option != 0) {
    return Refuse(CoapCode::kBadOption, absl::StrCat("option ", request.condition_option,
                                                     ": conditional requests are not supported"));
  }
  if (resource.kind == CoapResource::Kind::kWellKnownCore) return AnswerListing(request);

  Outcome outcome;
  switch (dedup_.Admit(request.key, &outcome.answer)) {
    case MessageDedup::State::kNew:
      break;
    case MessageDedup::State::kPending:
      outcome.action = Outcome::Action::kIgnore;
      return outcome;
    case MessageDedup::State::kAcknowledged:
      outcome.action = Outcome::Action::kAcknowledge;
      return outcome;
    case MessageDedup::State::kAnswered:
      // Nobody sends a NON again for want of an answer (RFC 7252, 4.3): the network doubled it.
      if (!request.confirmable) outcome.action = Outcome::Action::kIgnore;
      return outcome;
  }
  outcome = HandleMessage(request, resource, has_room);
  if (outcome.action == Outcome::Action::kAnswer) {
    const bool too_many = outcome.answer.code == CoapCode::kTooManyRequests;
    // Nothing was written: the same message may try again.
    if (too_many || outcome.answer.code == CoapCode::kServiceUnavailable) {
      dedup_.Forget(request.key);
      if (too_many && !request.confirmable) outcome.action = Outcome::Action::kIgnore;
    } else {
      dedup_.SetAnswered(request.key, outcome.answer);
    }
  }
  return outcome;
}

Outcome CoapRequestHandler::HandleMessage(const CoapRequest& request, const CoapResource& resource,
                                          bool has_room) {
  const bool is_last = !request.block1.has_value() || !request.block1->more;
  if (is_last && !has_room) return Shed();
  if (request.block1.has_value()) return HandleBlock(request, resource, has_room);
  return Take(request, resource, request.payload, static_cast<int64_t>(request.payload.size()));
}

Outcome CoapRequestHandler::Shed() {
  ++stats_.shed;
  Outcome outcome =
      Refuse(CoapCode::kTooManyRequests, "too much is under way already; send it again later");
  outcome.answer.max_age_seconds = options_.retry_after_seconds;
  return outcome;
}

Outcome CoapRequestHandler::HandleBlock(const CoapRequest& request, const CoapResource& resource,
                                        bool has_room) {
  using Kind = BlockReassembly::Result::Kind;
  const BlockReassembly::Result result =
      reassembly_.Add(TransferKey(request), *request.block1, request.payload, request.size1);
  Outcome outcome;
  switch (result.kind) {
    case Kind::kContinue:
      outcome.answer.code = CoapCode::kContinue;
      break;
    case Kind::kGap:
      outcome = Refuse(CoapCode::kRequestEntityIncomplete, result.diagnostic);
      break;
    case Kind::kMalformed:
      outcome = Refuse(CoapCode::kBadRequest, result.diagnostic);
      break;
    case Kind::kComplete:
    case Kind::kTooLarge:
      // What is too large may end before its last block.
      if (!has_room) return Shed();
      // The intake refuses by the size and keeps what there is among the dead letters.
      outcome = Take(request, resource, result.body, result.body_size_bytes);
      break;
  }
  if (CodeClass(outcome.answer.code) == 2) outcome.answer.block1 = request.block1;
  return outcome;
}

Outcome CoapRequestHandler::Take(const CoapRequest& request, const CoapResource& resource,
                                 absl::string_view payload, int64_t payload_size_bytes) {
  const std::string address = FormatPath(request.path);
  const std::string content_type = MediaType(request.content_format);
  InboundMessage message;
  message.kind = MessageKind(resource.kind);
  message.protocol = v1::PROTOCOL_COAP;
  message.qos = request.confirmable ? 1 : 0;
  message.device_id = resource.device_id;
  message.command_id = resource.command_id;
  message.address = address;
  message.message_id = MessageId(request);
  message.content_type = content_type;
  message.payload = payload;
  message.payload_size_bytes = payload_size_bytes;
  message.received = MomentOf(*clock_);
  ++stats_.taken;
  const Verdict verdict = intake_->Take(message);

  Outcome outcome;
  outcome.answer = AnswerOf(verdict);
  outcome.receipt = verdict.receipt;
  if (!intake_->IsDurable(verdict.receipt)) outcome.action = Outcome::Action::kPend;
  return outcome;
}

CoapAnswer CoapRequestHandler::AnswerOf(const Verdict& verdict) const {
  CoapAnswer answer;
  answer.code = ResponseCodeOf(verdict.status);
  if (CodeClass(answer.code) == 2) return answer;
  if (verdict.over_rate) {
    answer.code = CoapCode::kTooManyRequests;
    answer.max_age_seconds = static_cast<uint32_t>(
        absl::ToInt64Seconds(absl::Ceil(verdict.retry_after, absl::Seconds(1))));
  }
  answer.payload = Diagnostic(
      absl::string_view(verdict.status.message().data(), verdict.status.message().size()));
  if (answer.code == CoapCode::kServiceUnavailable) {
    answer.max_age_seconds = options_.retry_after_seconds;
  } else if (answer.code == CoapCode::kRequestEntityTooLarge) {
    answer.size1 = static_cast<uint32_t>(options_.reassembly.max_body_bytes);
  }
  return answer;
}

}  // namespace sluice::ingress
