#include "services/ingress/coap/reassembly_program.h"

#include <algorithm>
#include <utility>

#include "tools/fuzz/require.h"

namespace sluice::ingress {
namespace {

constexpr int kMaxSteps = 300;
constexpr int kKeys = 4;

}  // namespace

BlockReassembly::Options ReassemblyProgram::Options() {
  BlockReassembly::Options options;
  options.max_transfers = kKeys - 1;
  options.max_body_bytes = 100;
  options.max_total_bytes = 200;
  return options;
}

void ReassemblyProgram::Run() {
  for (int i = 0; i < kMaxSteps && !input_.empty(); ++i) {
    if (input_.Byte() % 16 == 0) {
      clock_.Advance(absl::Seconds(input_.Below(64)));
    } else {
      AddBlock();
    }
    CheckBounds();
  }
}

void ReassemblyProgram::AddBlock() {
  const std::string key(1, static_cast<char>('a' + input_.Below(kKeys)));
  CoapBlock block;
  const uint8_t shape = input_.Byte();
  block.more = shape % 2 == 1;
  // No block is larger than a body may be, or the reserved size.
  block.size_exponent = shape / 2 % 8 == 7 ? 7 : shape / 2 % 8 % 3;
  absl::optional<uint32_t> announced_size;
  if (shape / 16 == 0) announced_size = static_cast<uint32_t>(input_.Number(1));
  // Mostly the one that follows.
  const auto transfer = std::find_if(transfers_.begin(), transfers_.end(),
                                     [&](const Transfer& other) { return other.key == key; });
  const size_t held = transfer == transfers_.end() ? 0 : transfer->body.size();
  const uint8_t choice = input_.Byte();
  block.number = choice % 4 == 0 ? static_cast<uint32_t>(input_.Number(3)) % (1 << 20)
                                 : static_cast<uint32_t>(held / block.size_bytes());
  const size_t size = choice / 4 % 4 == 0 ? input_.Below(40)
                      : block.more        ? block.size_bytes()
                                          : block.size_bytes() / 2;
  const std::string payload(size, static_cast<char>('0' + choice / 16));

  const Result expected = Expect(key, block, payload, announced_size);
  const Result result = reassembly_.Add(key, block, payload, announced_size);
  Require(result.kind == expected.kind, "not what becomes of the block");
  Require(result.body == expected.body, "not the payload");
  Require(result.body_size_bytes == expected.body_size_bytes, "not the payload's size");
  const bool refused =
      result.kind != Result::Kind::kContinue && result.kind != Result::Kind::kComplete;
  Require(result.diagnostic.empty() != refused, "a refusal without a word, or a word without one");
}

ReassemblyProgram::Result ReassemblyProgram::Expect(const std::string& key, const CoapBlock& block,
                                                    const std::string& payload,
                                                    absl::optional<uint32_t> announced_size) {
  using Kind = Result::Kind;
  const BlockReassembly::Options options = Options();
  Result result;
  while (!transfers_.empty() &&
         clock_.Uptime() - transfers_.front().last_block >= options.max_idle) {
    transfers_.erase(transfers_.begin());
  }
  const size_t block_bytes = size_t{16} << block.size_exponent;
  if (block.size_exponent == 7 || payload.size() > block_bytes ||
      (block.more && payload.size() < block_bytes)) {
    result.kind = Kind::kMalformed;
    return result;
  }
  const auto found = std::find_if(transfers_.begin(), transfers_.end(),
                                  [&](const Transfer& transfer) { return transfer.key == key; });
  Transfer transfer{key, "", clock_.Uptime()};
  if (block.number == 0) {
    if (found != transfers_.end()) transfers_.erase(found);
    if (announced_size.value_or(0) > options.max_body_bytes) {
      return ExpectTooLarge("", payload, *announced_size);
    }
  } else {
    const size_t start = block.number * block_bytes;
    const bool repeated = found != transfers_.end() && block.more &&
                          start + payload.size() <= found->body.size() &&
                          found->body.substr(start, payload.size()) == payload;
    if (found == transfers_.end() || (!repeated && start != found->body.size())) {
      result.kind = Kind::kGap;
      return result;
    }
    transfer.body = std::move(found->body);
    transfers_.erase(found);
    if (repeated) {
      transfers_.push_back(std::move(transfer));
      return result;
    }
  }
  const size_t size = transfer.body.size() + payload.size();
  if (size > options.max_body_bytes) return ExpectTooLarge(transfer.body, payload, size);
  if (block.more) return Keep(std::move(transfer), payload);
  result.kind = Kind::kComplete;
  result.body = transfer.body + payload;
  result.body_size_bytes = static_cast<int64_t>(size);
  return result;
}

ReassemblyProgram::Result ReassemblyProgram::ExpectTooLarge(const std::string& held,
                                                            const std::string& payload,
                                                            size_t size) const {
  Result result;
  result.kind = Result::Kind::kTooLarge;
  result.body = (held + payload).substr(0, Options().max_body_bytes);
  result.body_size_bytes = static_cast<int64_t>(size);
  return result;
}

ReassemblyProgram::Result ReassemblyProgram::Keep(Transfer transfer, const std::string& payload) {
  const BlockReassembly::Options options = Options();
  while (static_cast<int>(transfers_.size()) >= options.max_transfers) {
    transfers_.erase(transfers_.begin());
  }
  transfer.body += payload;
  const auto total = [&] {
    size_t bytes = transfer.body.size();
    for (const Transfer& other : transfers_) bytes += other.body.size();
    return bytes;
  };
  while (!transfers_.empty() && total() > options.max_total_bytes) {
    transfers_.erase(transfers_.begin());
  }
  transfers_.push_back(std::move(transfer));
  return Result();
}

void ReassemblyProgram::CheckBounds() const {
  const BlockReassembly::Options options = Options();
  const BlockReassembly::Stats& stats = reassembly_.stats();
  Require(stats.active >= 0 && stats.active <= options.max_transfers, "too many transfers");
  Require(stats.bytes >= 0 && stats.bytes <= static_cast<int64_t>(options.max_total_bytes),
          "too many bytes");
}

}  // namespace sluice::ingress
