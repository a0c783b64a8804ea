#include "services/ingress/coap/block_reassembly.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::ingress {
namespace {

using Result = BlockReassembly::Result;

Result Refuse(Result::Kind kind, std::string diagnostic) {
  Result result;
  result.kind = kind;
  result.diagnostic = std::move(diagnostic);
  return result;
}

Result Complete(std::string body) {
  Result result;
  result.kind = Result::Kind::kComplete;
  result.body_size_bytes = static_cast<int64_t>(body.size());
  result.body = std::move(body);
  return result;
}

}  // namespace

Result BlockReassembly::Add(absl::string_view key, const CoapBlock& block,
                            absl::string_view payload, absl::optional<uint32_t> announced_size) {
  DropExpired();
  if (block.size_exponent > 6) {
    ++stats_.malformed;
    return Refuse(Result::Kind::kMalformed, "Block1: the size exponent 7 is reserved");
  }
  if (block.more ? payload.size() != block.size_bytes() : payload.size() > block.size_bytes()) {
    ++stats_.malformed;
    return Refuse(Result::Kind::kMalformed,
                  absl::StrCat("Block1: block ", block.number, " carries ", payload.size(),
                               " bytes; its size is ", block.size_bytes()));
  }

  const auto found = by_key_.find(key);
  if (block.number == 0) {
    if (found != by_key_.end()) {
      ++stats_.restarted;
      Drop(found->second);
    }
    ++stats_.started;
    if (announced_size.has_value() && *announced_size > options_.max_body_bytes) {
      return RefuseTooLarge("", payload, *announced_size);
    }
    if (!block.more) {
      ++stats_.completed;
      return Complete(std::string(payload));
    }
    return Append(Start(key), block, payload);
  }
  if (found == by_key_.end()) {
    ++stats_.gaps;
    return Refuse(Result::Kind::kGap, absl::StrCat("Block1: no transfer is under way for block ",
                                                   block.number, "; start with block 0"));
  }

  const Transfers::iterator transfer = found->second;
  const size_t offset = block.number * block.size_bytes();
  const std::string& body = transfer->body;
  // The same block in a new message: its sender missed our answer.
  if (block.more && offset + payload.size() <= body.size() &&
      body.compare(offset, payload.size(), payload.data(), payload.size()) == 0) {
    transfer->last_block = clock_->Uptime();
    transfers_.splice(transfers_.end(), transfers_, transfer);
    return Result();
  }
  if (offset != body.size()) {
    ++stats_.gaps;
    return Refuse(Result::Kind::kGap,
                  absl::StrCat("Block1: block ", block.number, " starts at byte ", offset,
                               "; the next byte needed is ", body.size()));
  }
  return Append(transfer, block, payload);
}

Result BlockReassembly::Append(Transfers::iterator transfer, const CoapBlock& block,
                               absl::string_view payload) {
  const size_t size = transfer->body.size() + payload.size();
  if (size > options_.max_body_bytes) {
    Result result = RefuseTooLarge(transfer->body, payload, static_cast<int64_t>(size));
    Drop(transfer);
    return result;
  }
  if (!block.more) {
    std::string body = std::move(transfer->body);
    stats_.bytes -= static_cast<int64_t>(body.size());
    transfer->body.clear();
    Drop(transfer);
    body.append(payload.data(), payload.size());
    ++stats_.completed;
    return Complete(std::move(body));
  }
  transfer->last_block = clock_->Uptime();
  transfers_.splice(transfers_.end(), transfers_, transfer);
  MakeRoom(payload.size());
  transfer->body.append(payload.data(), payload.size());
  stats_.bytes += static_cast<int64_t>(payload.size());
  return Result();
}

Result BlockReassembly::RefuseTooLarge(absl::string_view held, absl::string_view payload,
                                       int64_t size_bytes) {
  ++stats_.too_large;
  Result result = Refuse(Result::Kind::kTooLarge,
                         absl::StrCat("payload: is ", size_bytes, " bytes long or longer; at most ",
                                      options_.max_body_bytes, " are allowed"));
  result.body = absl::StrCat(held, payload.substr(0, options_.max_body_bytes - held.size()));
  result.body_size_bytes = size_bytes;
  return result;
}

BlockReassembly::Transfers::iterator BlockReassembly::Start(absl::string_view key) {
  while (static_cast<int>(transfers_.size()) >= options_.max_transfers) {
    ++stats_.evicted;
    Drop(transfers_.begin());
  }
  transfers_.push_back({std::string(key), "", clock_->Uptime()});
  const Transfers::iterator transfer = std::prev(transfers_.end());
  by_key_[transfer->key] = transfer;
  ++stats_.active;
  return transfer;
}

void BlockReassembly::Drop(Transfers::iterator transfer) {
  stats_.bytes -= static_cast<int64_t>(transfer->body.size());
  --stats_.active;
  by_key_.erase(transfer->key);
  transfers_.erase(transfer);
}

void BlockReassembly::DropExpired() {
  const absl::Duration now = clock_->Uptime();
  while (!transfers_.empty() && now - transfers_.front().last_block >= options_.max_idle) {
    ++stats_.timed_out;
    Drop(transfers_.begin());
  }
}

// The last transfer, which the room is for, stays.
void BlockReassembly::MakeRoom(size_t bytes) {
  while (transfers_.size() > 1 &&
         static_cast<size_t>(stats_.bytes) + bytes > options_.max_total_bytes) {
    ++stats_.evicted;
    Drop(transfers_.begin());
  }
}

}  // namespace sluice::ingress
