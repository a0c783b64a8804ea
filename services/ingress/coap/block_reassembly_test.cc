#include "services/ingress/coap/block_reassembly.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"

namespace sluice::ingress {
namespace {

using Kind = BlockReassembly::Result::Kind;

CoapBlock Block(uint32_t number, bool more, uint8_t size_exponent = 6) {
  CoapBlock block;
  block.number = number;
  block.more = more;
  block.size_exponent = size_exponent;
  return block;
}

class BlockReassemblyTest : public testing::Test {
 protected:
  // Block `number` of 1,024 bytes, all `c`.
  Kind AddFull(absl::string_view key, uint32_t number, char c = 'x') {
    return reassembly_.Add(key, Block(number, true), std::string(1024, c), {}).kind;
  }

  FakeClock clock_;
  BlockReassembly reassembly_{BlockReassembly::Options(), &clock_};
};

TEST_F(BlockReassemblyTest, PutsBlocksTogether) {
  EXPECT_EQ(AddFull("k", 0, 'a'), Kind::kContinue);
  EXPECT_EQ(AddFull("k", 1, 'b'), Kind::kContinue);
  const BlockReassembly::Result last = reassembly_.Add("k", Block(2, false), "end", {});
  ASSERT_EQ(last.kind, Kind::kComplete);
  EXPECT_EQ(last.body, std::string(1024, 'a') + std::string(1024, 'b') + "end");
  EXPECT_EQ(last.body_size_bytes, 2051);
  EXPECT_EQ(reassembly_.stats().active, 0);
  EXPECT_EQ(reassembly_.stats().bytes, 0);
  EXPECT_EQ(reassembly_.stats().completed, 1);
}

TEST_F(BlockReassemblyTest, ASingleBlockIsWhole) {
  EXPECT_EQ(reassembly_.Add("k", Block(0, false), "{}", {}).body, "{}");
  EXPECT_EQ(reassembly_.Add("k", Block(0, false), "", {}).kind, Kind::kComplete);
  EXPECT_EQ(reassembly_.stats().active, 0);
}

TEST_F(BlockReassemblyTest, TransfersDoNotMix) {
  EXPECT_EQ(AddFull("one", 0, '1'), Kind::kContinue);
  EXPECT_EQ(AddFull("two", 0, '2'), Kind::kContinue);
  EXPECT_EQ(reassembly_.Add("one", Block(1, false), "", {}).body, std::string(1024, '1'));
  EXPECT_EQ(reassembly_.Add("two", Block(1, false), "", {}).body, std::string(1024, '2'));
}

TEST_F(BlockReassemblyTest, TheBlockSizeMayShrinkOnTheWay) {
  EXPECT_EQ(AddFull("k", 0), Kind::kContinue);
  EXPECT_EQ(reassembly_.Add("k", Block(4, true, 4), std::string(256, 'y'), {}).kind,
            Kind::kContinue);
  EXPECT_EQ(reassembly_.Add("k", Block(5, false, 4), "z", {}).body,
            std::string(1024, 'x') + std::string(256, 'y') + "z");
}

TEST_F(BlockReassemblyTest, AGapIsRefusedAndTheTransferGoesOn) {
  EXPECT_EQ(AddFull("k", 1), Kind::kGap);
  EXPECT_EQ(AddFull("k", 0), Kind::kContinue);
  const BlockReassembly::Result gap = reassembly_.Add("k", Block(2, false), "e", {});
  EXPECT_EQ(gap.kind, Kind::kGap);
  EXPECT_EQ(gap.diagnostic, "Block1: block 2 starts at byte 2048; the next byte needed is 1024");
  EXPECT_EQ(reassembly_.Add("k", Block(1, false), "e", {}).kind, Kind::kComplete);
  EXPECT_EQ(reassembly_.stats().gaps, 2);
}

TEST_F(BlockReassemblyTest, ABlockSentAgainIsWelcomeAndAnotherInItsPlaceIsNot) {
  EXPECT_EQ(AddFull("k", 0), Kind::kContinue);
  EXPECT_EQ(AddFull("k", 1), Kind::kContinue);
  EXPECT_EQ(AddFull("k", 1), Kind::kContinue);
  EXPECT_EQ(AddFull("k", 1, 'y'), Kind::kGap);
  EXPECT_EQ(reassembly_.Add("k", Block(2, false), "", {}).body.size(), 2048u);
}

TEST_F(BlockReassemblyTest, BlockZeroStartsAnew) {
  EXPECT_EQ(AddFull("k", 0, 'a'), Kind::kContinue);
  EXPECT_EQ(AddFull("k", 1, 'a'), Kind::kContinue);
  EXPECT_EQ(AddFull("k", 0, 'b'), Kind::kContinue);
  EXPECT_EQ(reassembly_.Add("k", Block(1, false), "c", {}).body, std::string(1024, 'b') + "c");
  EXPECT_EQ(reassembly_.stats().restarted, 1);
}

TEST_F(BlockReassemblyTest, RefusesBlocksThatContradictThemselves) {
  EXPECT_EQ(reassembly_.Add("k", Block(0, true), "short", {}).kind, Kind::kMalformed);
  EXPECT_EQ(reassembly_.Add("k", Block(0, false, 0), std::string(17, 'x'), {}).kind,
            Kind::kMalformed);
  EXPECT_EQ(reassembly_.Add("k", Block(0, true, 7), std::string(2048, 'x'), {}).kind,
            Kind::kMalformed);
  EXPECT_EQ(reassembly_.Add("k", Block(0xfffff, true, 6), std::string(1024, 'x'), {}).kind,
            Kind::kGap);
  EXPECT_EQ(reassembly_.stats().active, 0);
}

TEST_F(BlockReassemblyTest, TakesTheLimitAndNotAByteMore) {
  for (uint32_t i = 0; i < 63; ++i) ASSERT_EQ(AddFull("k", i), Kind::kContinue);
  EXPECT_EQ(reassembly_.Add("k", Block(63, false), std::string(1024, 'x'), {}).body.size(), 65536u);

  for (uint32_t i = 0; i < 64; ++i) ASSERT_EQ(AddFull("k", i), Kind::kContinue);
  const BlockReassembly::Result last = reassembly_.Add("k", Block(64, false), "x", {});
  EXPECT_EQ(last.kind, Kind::kTooLarge);
  EXPECT_EQ(last.body.size(), 65536u);
  EXPECT_EQ(last.body_size_bytes, 65537);
  EXPECT_EQ(reassembly_.stats().bytes, 0);
  EXPECT_EQ(AddFull("k", 65), Kind::kGap);
}

TEST_F(BlockReassemblyTest, AnAnnouncedSizeRefusesAtOnceAndReservesNothing) {
  const BlockReassembly::Result refused =
      reassembly_.Add("k", Block(0, true), std::string(1024, 'x'), 70000u);
  EXPECT_EQ(refused.kind, Kind::kTooLarge);
  EXPECT_EQ(refused.body_size_bytes, 70000);
  EXPECT_EQ(refused.body.size(), 1024u);
  EXPECT_EQ(reassembly_.Add("k", Block(0, true), std::string(1024, 'x'), 65536u).kind,
            Kind::kContinue);
  EXPECT_EQ(reassembly_.stats().bytes, 1024);
}

TEST_F(BlockReassemblyTest, AQuietTransferIsGivenUpInTime) {
  EXPECT_EQ(AddFull("k", 0), Kind::kContinue);
  clock_.Advance(absl::Seconds(59));
  EXPECT_EQ(AddFull("k", 1), Kind::kContinue);
  clock_.Advance(absl::Seconds(59));
  EXPECT_EQ(AddFull("k", 2), Kind::kContinue);
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(AddFull("k", 3), Kind::kGap);
  EXPECT_EQ(reassembly_.stats().timed_out, 1);
  EXPECT_EQ(reassembly_.stats().bytes, 0);
}

TEST(BlockReassemblyBoundsTest, TheQuietestTransferMakesRoomInNumberAndBytes) {
  FakeClock clock;
  BlockReassembly::Options options;
  options.max_transfers = 3;
  options.max_total_bytes = 4096;
  BlockReassembly reassembly(options, &clock);
  const std::string full(1024, 'x');
  for (const char* key : {"a", "b", "c"}) reassembly.Add(key, Block(0, true), full, {});
  reassembly.Add("a", Block(1, true), full, {});  // now b is the quietest, and all bytes are used
  EXPECT_EQ(reassembly.stats().evicted, 0);
  reassembly.Add("d", Block(0, true), full, {});
  EXPECT_EQ(reassembly.stats().evicted, 1);
  EXPECT_EQ(reassembly.stats().active, 3);
  EXPECT_EQ(reassembly.Add("b", Block(1, true), full, {}).kind, Kind::kGap);
  EXPECT_EQ(reassembly.Add("a", Block(2, true), full, {}).kind, Kind::kContinue);
  EXPECT_EQ(reassembly.stats().evicted, 2);  // c, for its bytes
  EXPECT_LE(reassembly.stats().bytes, 4096);
  EXPECT_EQ(reassembly.Add("c", Block(1, true), full, {}).kind, Kind::kGap);
}

TEST(BlockReassemblyBoundsTest, AFloodOfFirstBlocksStaysInBounds) {
  FakeClock clock;
  BlockReassembly reassembly(BlockReassembly::Options(), &clock);
  for (int i = 0; i < 10000; ++i) {
    reassembly.Add(absl::StrCat(i), Block(0, true), std::string(1024, 'x'), 65536u);
    ASSERT_LE(reassembly.stats().active, 256);
    ASSERT_LE(reassembly.stats().bytes, 4 << 20);
  }
}

}  // namespace
}  // namespace sluice::ingress
