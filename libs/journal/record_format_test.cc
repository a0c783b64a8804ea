#include "libs/journal/record_format.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::journal {
namespace {

TEST(SegmentHeaderTest, IsReadAsItWasWritten) {
  SegmentHeader header;
  header.identity = Identity::Random();
  header.first_offset = 7'000'000'000;
  header.skipped_before = 4096;
  header.max_time_before_us = -1;
  const std::string bytes = EncodeSegmentHeader(header);
  ASSERT_EQ(bytes.size(), static_cast<size_t>(kSegmentHeaderBytes));
  SegmentHeader read;
  ASSERT_EQ(DecodeSegmentHeader(bytes, &read), HeaderState::kIntact);
  EXPECT_TRUE(read.identity == header.identity);
  EXPECT_EQ(read.first_offset, header.first_offset);
  EXPECT_EQ(read.skipped_before, header.skipped_before);
  EXPECT_EQ(read.max_time_before_us, header.max_time_before_us);
}

TEST(SegmentHeaderTest, ShowsEveryFlippedBit) {
  const std::string bytes = EncodeSegmentHeader(SegmentHeader{});
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    SegmentHeader header;
    EXPECT_EQ(DecodeSegmentHeader(damaged, &header), HeaderState::kDamaged) << bit;
  }
  SegmentHeader header;
  EXPECT_EQ(DecodeSegmentHeader(bytes.substr(0, 79), &header), HeaderState::kDamaged);
}

TEST(RecordTest, IsReadAsItWasWritten) {
  std::string bytes = "before";
  AppendRecord(42, 5, 1'700'000'000'000'000, "payload", &bytes);
  const std::string frame = bytes.substr(6);
  const auto header = DecodeRecordHeader(frame);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->offset, 5);
  EXPECT_EQ(header->time_us, 1'700'000'000'000'000);
  EXPECT_EQ(header->payload_bytes, 7);
  EXPECT_EQ(header->FrameBytes(), static_cast<int64_t>(frame.size()));
  EXPECT_TRUE(RecordIsIntact(42, *header, frame));
  EXPECT_EQ(frame.substr(kRecordHeaderBytes), "payload");
}

TEST(RecordTest, ShowsEveryFlippedBitAndAnotherSeed) {
  std::string frame;
  AppendRecord(42, 5, 6, "payload", &frame);
  EXPECT_FALSE(RecordIsIntact(43, *DecodeRecordHeader(frame), frame));
  for (size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string damaged = frame;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const auto header = DecodeRecordHeader(damaged);
    EXPECT_FALSE(header.has_value() && header->payload_bytes == 7 &&
                 RecordIsIntact(42, *header, damaged))
        << bit;
  }
}

TEST(IdentityTest, IsAnotherOneEachTime) {
  const Identity a = Identity::Random();
  const Identity b = Identity::Random();
  EXPECT_NE(a.Text(), b.Text());
  EXPECT_EQ(a.Text().size(), 32u);
  EXPECT_NE(a.Seed(), b.Seed());
  Identity other_salt = a;
  ++other_salt.salt;
  EXPECT_NE(a.Seed(), other_salt.Seed());
}

TEST(SegmentNameTest, TellsItsFirstOffset) {
  EXPECT_EQ(SegmentName(12), "00000000000000000012.seg");
  EXPECT_EQ(ParseSegmentName(SegmentName(INT64_MAX)), INT64_MAX);
  for (const char* bad :
       {"12.seg", "00000000000000000012", "0000000000000000001x.seg", "-0000000000000000012.seg",
        "99999999999999999999.seg", "", "00000000000000000012.seg.damaged"}) {
    EXPECT_FALSE(ParseSegmentName(bad).has_value()) << bad;
  }
}

// The bytes that docs/journal-format.md gives as an example.
TEST(RecordTest, HasTheBytesOfTheSpecification) {
  std::string frame;
  AppendRecord(0x0123456789abcdef, 258, 1, "A", &frame);
  EXPECT_EQ(frame, std::string("\x52\x47\x5B\x5D\xEC\xDB\xF6\0"
                               "\xD7SJR"
                               "\1\0\0\0"
                               "\2\1\0\0\0\0\0\0"
                               "\1\0\0\0\0\0\0\0"
                               "A",
                               33));
}

}  // namespace
}  // namespace sluice::journal
