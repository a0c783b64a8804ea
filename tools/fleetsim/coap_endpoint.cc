#include "tools/fleetsim/coap_endpoint.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

// How long an answer that was promised by an empty ACK is waited for.
constexpr int64_t kSeparateAnswerUs = 60'000'000;
// How long a non-confirmable message occupies its room if nothing comes back.
constexpr int64_t kNonLifetimeUs = 2'000'000;
constexpr uint32_t kMaxSilenceS = 5;
constexpr uint8_t kTooManyRequests = 0x9d;
constexpr uint8_t kServiceUnavailable = 0xa3;

absl::string_view TokenBytes(const uint32_t& token) {
  return absl::string_view(reinterpret_cast<const char*>(&token), sizeof(token));
}

}  // namespace

CoapEndpoint::CoapEndpoint(absl::string_view device_id, uint64_t seed,
                           const CoapEndpointOptions* options, Listener* listener)
    : device_id_(device_id),
      options_(options),
      listener_(listener),
      random_(seed * 2 + 1),
      next_message_id_(static_cast<uint16_t>(Random())),
      next_token_(static_cast<uint32_t>(Random())),
      exchanges_(options->inflight) {}

uint64_t CoapEndpoint::Random() {
  random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
  return random_ >> 32;
}

bool CoapEndpoint::CanPost(int64_t now_us) const {
  return in_use_ < static_cast<int>(exchanges_.size()) && now_us >= silent_until_us_;
}

void CoapEndpoint::Post(int64_t number, int64_t now_us) {
  Exchange* exchange = &*std::find_if(exchanges_.begin(), exchanges_.end(),
                                      [](const Exchange& e) { return e.state == State::kFree; });
  ++in_use_;
  exchange->number = number;
  exchange->state = State::kSent;
  exchange->message_id = next_message_id_++;
  exchange->token = next_token_++;
  exchange->retransmits = 0;
  exchange->timeout_us =
      options_->confirmable
          ? options_->ack_timeout_us +
                static_cast<int64_t>(Random() % (options_->ack_timeout_us / 2 + 1))
          : kNonLifetimeUs;
  exchange->due_us = now_us + exchange->timeout_us;
  Transmit(*exchange);
}

void CoapEndpoint::Transmit(const Exchange& exchange) {
  std::string payload;
  listener_->AppendPayload(exchange.number, &payload);
  const absl::string_view path[] = {"devices", device_id_, "telemetry"};
  CoapPost post;
  post.type = options_->confirmable ? CoapType::kConfirmable : CoapType::kNonConfirmable;
  post.message_id = exchange.message_id;
  post.token = TokenBytes(exchange.token);
  post.path = path;
  post.content_format = options_->content_format;
  post.payload = payload;
  std::string datagram;
  AppendPost(post, &datagram);
  listener_->SendDatagram(datagram);
}

void CoapEndpoint::Receive(absl::string_view datagram, int64_t now_us) {
  const absl::StatusOr<CoapMessage> message = ParseCoap(datagram);
  if (!message.ok()) {
    listener_->OnError("coap datagram that is malformed");
    return;
  }
  if (message->code == kCoapEmpty) {
    Exchange* exchange = FindByMessageId(message->message_id);
    if (exchange == nullptr) return;
    if (message->type == CoapType::kAck && options_->confirmable) {
      exchange->state = State::kAnswerPromised;
      exchange->due_us = now_us + kSeparateAnswerUs;
    } else if (message->type == CoapType::kReset) {
      const int64_t number = exchange->number;
      End(exchange);
      listener_->OnRefused(number, "coap reset");
      listener_->OnRoom();
    }
    return;
  }
  Exchange* exchange = (message->code >> 5) >= 2 ? FindByToken(message->token) : nullptr;
  std::string reply;
  if (message->type == CoapType::kConfirmable) {
    // An answer that came before is acknowledged again: our first ACK may be lost.
    const bool answer = (message->code >> 5) >= 2;
    AppendEmpty(answer ? CoapType::kAck : CoapType::kReset, message->message_id, &reply);
    listener_->SendDatagram(reply);
  }
  if (exchange == nullptr) return;
  if (message->type == CoapType::kAck && message->message_id != exchange->message_id) return;
  Answer(exchange, *message, now_us);
}

void CoapEndpoint::Answer(Exchange* exchange, const CoapMessage& message, int64_t now_us) {
  const int64_t number = exchange->number;
  End(exchange);
  if ((message.code >> 5) == 2) {
    if (options_->confirmable) listener_->OnAcknowledged(number);
  } else {
    if (message.code == kServiceUnavailable || message.code == kTooManyRequests) {
      const uint32_t silence_s = std::min(message.max_age_s.value_or(1), kMaxSilenceS);
      silent_until_us_ = now_us + int64_t{silence_s} * 1'000'000;
    }
    listener_->OnRefused(number, absl::StrCat("coap ", CoapCodeName(message.code)));
  }
  listener_->OnRoom();
}

void CoapEndpoint::Tick(int64_t now_us) {
  if (in_use_ == 0) return;
  for (Exchange& exchange : exchanges_) {
    if (exchange.state == State::kFree || now_us < exchange.due_us) continue;
    const bool again = exchange.state == State::kSent && options_->confirmable &&
                       exchange.retransmits < options_->max_retransmit;
    if (again) {
      ++exchange.retransmits;
      ++retransmissions_;
      exchange.timeout_us *= 2;
      exchange.due_us = now_us + exchange.timeout_us;
      Transmit(exchange);
      continue;
    }
    const int64_t number = exchange.number;
    End(&exchange);
    if (options_->confirmable) listener_->OnRefused(number, "coap no answer");
    listener_->OnRoom();
  }
}

void CoapEndpoint::End(Exchange* exchange) {
  exchange->state = State::kFree;
  --in_use_;
}

CoapEndpoint::Exchange* CoapEndpoint::FindByToken(absl::string_view token) {
  uint32_t number;
  if (token.size() != sizeof(number)) return nullptr;
  std::memcpy(&number, token.data(), sizeof(number));
  for (Exchange& exchange : exchanges_) {
    if (exchange.state != State::kFree && exchange.token == number) return &exchange;
  }
  return nullptr;
}

CoapEndpoint::Exchange* CoapEndpoint::FindByMessageId(uint16_t message_id) {
  for (Exchange& exchange : exchanges_) {
    if (exchange.state == State::kSent && exchange.message_id == message_id) return &exchange;
  }
  return nullptr;
}

int CoapEndpoint::unacknowledged() const { return options_->confirmable ? in_use_ : 0; }

}  // namespace sluice::fleetsim
