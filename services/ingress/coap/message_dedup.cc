#include "services/ingress/coap/message_dedup.h"

#include <utility>

namespace sluice::ingress {
namespace {

// An entry, its place in the index at the index's worst load, and the allocator's share.
constexpr int64_t kEntryBytes = 160;

bool IsMoreThanItsCode(const CoapAnswer& answer) {
  return !answer.payload.empty() || answer.content_format || answer.max_age_seconds ||
         answer.block1 || answer.block2 || answer.size1 || answer.size2;
}

int64_t AnswerBytes(const CoapAnswer& answer) {
  return static_cast<int64_t>(sizeof(CoapAnswer) + 16 + answer.payload.capacity());
}

}  // namespace

MessageDedup::State MessageDedup::Admit(const CoapMessageKey& key, CoapAnswer* answer) {
  const absl::Duration now = clock_->Uptime();
  while (!entries_.empty() && now - entries_.front().seen >= options_.lifetime) DropOldest();

  const auto [place, is_new] = numbers_.try_emplace(key, first_ + entries_.size());
  if (!is_new) {
    ++stats_.duplicates;
    const Entry& entry = entries_[place->second - first_];
    if (entry.state == State::kAnswered) {
      *answer = entry.answer ? *entry.answer : CoapAnswer();
      answer->code = entry.code;
    }
    return entry.state;
  }
  Entry entry;
  entry.key = key;
  entry.seen = now;
  entries_.push_back(std::move(entry));
  ++stats_.messages;
  stats_.bytes += kEntryBytes;
  while (stats_.bytes > static_cast<int64_t>(options_.max_bytes) && entries_.size() > 1) {
    ++stats_.evicted;
    DropOldest();
  }
  return State::kNew;
}

void MessageDedup::SetAcknowledged(const CoapMessageKey& key) {
  if (Entry* entry = Find(key)) entry->state = State::kAcknowledged;
}

void MessageDedup::SetAnswered(const CoapMessageKey& key, const CoapAnswer& answer) {
  Entry* entry = Find(key);
  if (entry == nullptr) return;
  entry->state = State::kAnswered;
  entry->code = answer.code;
  if (!IsMoreThanItsCode(answer) || entry->answer != nullptr) return;
  entry->answer = std::make_unique<CoapAnswer>(answer);
  stats_.bytes += AnswerBytes(*entry->answer);
}

void MessageDedup::Forget(const CoapMessageKey& key) {
  const auto found = numbers_.find(key);
  if (found == numbers_.end()) return;
  // Mostly it is the last one that came: then a flood of what is not taken displaces nothing.
  if (found->second == first_ + entries_.size() - 1) {
    stats_.bytes -= kEntryBytes;
    --stats_.messages;
    entries_.pop_back();
  }
  numbers_.erase(found);
}

MessageDedup::Entry* MessageDedup::Find(const CoapMessageKey& key) {
  const auto found = numbers_.find(key);
  return found == numbers_.end() ? nullptr : &entries_[found->second - first_];
}

void MessageDedup::DropOldest() {
  const Entry& entry = entries_.front();
  // The key may have been forgotten and come again since: that one stays.
  const auto found = numbers_.find(entry.key);
  if (found != numbers_.end() && found->second == first_) numbers_.erase(found);
  if (entry.answer != nullptr) stats_.bytes -= AnswerBytes(*entry.answer);
  stats_.bytes -= kEntryBytes;
  --stats_.messages;
  entries_.pop_front();
  ++first_;
}

}  // namespace sluice::ingress
