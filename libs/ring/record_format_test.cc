#include "libs/ring/record_format.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace sluice::ring {
namespace {

constexpr uint64_t kSeed = 0x0123456789abcdef;

// Puts an intact record into the data of a ring.
void PutRecord(std::vector<uint8_t>* data, uint64_t position, const std::string& content,
               uint64_t seed = kSeed) {
  uint8_t* const record = data->data() + position % data->size();
  const RecordHeader header = {0, position, static_cast<uint32_t>(content.size()), 0};
  std::memcpy(record, &header, sizeof(header));
  std::memcpy(record + kRecordHeaderBytes, content.data(), content.size());
  SealRecord(seed, record);
}

TEST(RecordFormatTest, HeaderIsReadAsItWasWritten) {
  const RingHeader header = {1, 2, 3, 65536, 5};
  uint8_t bytes[kHeaderBytes];
  EncodeHeader(header, bytes);
  RingHeader read;
  ASSERT_EQ(DecodeHeader(bytes, sizeof(bytes), &read), HeaderState::kCurrent);
  EXPECT_EQ(read.id, 1u);
  EXPECT_EQ(read.salt, 2u);
  EXPECT_EQ(read.sequence, 3u);
  EXPECT_EQ(read.capacity, 65536u);
  EXPECT_EQ(read.boot, 5u);
}

TEST(RecordFormatTest, EveryFlippedBitOfAHeaderIsSeen) {
  uint8_t bytes[kHeaderBytes];
  EncodeHeader({1, 2, 3, 65536, 5}, bytes);
  for (size_t bit = 0; bit < 8 * kHeaderBytes; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    RingHeader read;
    EXPECT_EQ(DecodeHeader(bytes, sizeof(bytes), &read),
              bit < 64 ? HeaderState::kForeign : HeaderState::kDamaged);
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST(RecordFormatTest, KnowsThisVersionAndTheOneBefore) {
  uint8_t bytes[kHeaderBytes];
  EncodeHeader({1, 2, 3, 65536, 5}, bytes);
  RingHeader read;
  EXPECT_EQ(DecodeHeader(bytes, sizeof(bytes), &read, 0), HeaderState::kNewer);
  EXPECT_EQ(DecodeHeader(bytes, sizeof(bytes), &read, 1), HeaderState::kCurrent);
  EXPECT_EQ(DecodeHeader(bytes, sizeof(bytes), &read, 2), HeaderState::kPrevious);
  EXPECT_EQ(DecodeHeader(bytes, sizeof(bytes), &read, 3), HeaderState::kForeign);
}

TEST(RecordFormatTest, ShortFilesAreNoRings) {
  uint8_t bytes[kHeaderBytes];
  EncodeHeader({1, 2, 3, 65536, 5}, bytes);
  RingHeader read;
  EXPECT_EQ(DecodeHeader(bytes, 0, &read), HeaderState::kForeign);
  EXPECT_EQ(DecodeHeader(bytes, 7, &read), HeaderState::kForeign);
  EXPECT_EQ(DecodeHeader(bytes, kHeaderBytes - 1, &read), HeaderState::kDamaged);
}

TEST(RecordFormatTest, EveryFlippedBitOfARecordIsSeen) {
  std::vector<uint8_t> data(kMinCapacity);
  const DataArea area = {data.data(), data.size(), kSeed};
  const uint64_t position = 3 * kMinCapacity + 4096;
  const std::string content = "content of a record";
  PutRecord(&data, position, content);
  const uint64_t end = position + 48;
  ASSERT_EQ(HighestEnd(area, position), end);
  for (size_t bit = 0; bit < 8 * (kRecordHeaderBytes + content.size()); ++bit) {
    uint8_t& byte = data[4096 + bit / 8];
    byte ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(HighestEnd(area, position), position) << "bit " << bit;
    byte ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST(RecordFormatTest, RecordsOfOtherRingsAndLapsAreNotTaken) {
  std::vector<uint8_t> data(kMinCapacity);
  const DataArea area = {data.data(), data.size(), kSeed};
  PutRecord(&data, kMinCapacity + 64, "another ring's", kSeed + 1);
  EXPECT_EQ(HighestEnd(area, 0), 0u);
  PutRecord(&data, kMinCapacity + 64, "the lap before");
  EXPECT_EQ(HighestEnd(area, kMinCapacity + 72), kMinCapacity + 72);
  // An intact record at a place that is not its own.
  std::memmove(data.data() + 128, data.data() + 64, 64);
  std::memset(data.data() + 64, 0, 64);
  EXPECT_EQ(HighestEnd(area, 0), 0u);
}

TEST(RecordFormatTest, TheHighestEndMayBeALapAheadOfTheFloor) {
  std::vector<uint8_t> data(kMinCapacity);
  const DataArea area = {data.data(), data.size(), kSeed};
  PutRecord(&data, 32, "old");
  PutRecord(&data, 5 * kMinCapacity, "new");
  EXPECT_EQ(HighestEnd(area, 0), 5 * kMinCapacity + 32);
}

TEST(RecordFormatTest, ARecordMustEndWithinTheData) {
  RecordHeader header = {0, kMinCapacity - 32, 8, 0};
  EXPECT_TRUE(HeaderIsPlausible(header, kMinCapacity - 32, kMinCapacity));
  header.content_bytes = 9;
  EXPECT_FALSE(HeaderIsPlausible(header, kMinCapacity - 32, kMinCapacity));
  header = {0, 0, UINT32_MAX, 0};
  EXPECT_FALSE(HeaderIsPlausible(header, 0, kMinCapacity));
  header = {0, 0, 0, 2};
  EXPECT_FALSE(HeaderIsPlausible(header, 0, kMinCapacity)) << "no such kind";
  header = {0, kMinCapacity - 64, 40, 1};
  EXPECT_TRUE(HeaderIsPlausible(header, kMinCapacity - 64, kMinCapacity));
  header.content_bytes = 32;
  EXPECT_FALSE(HeaderIsPlausible(header, kMinCapacity - 64, kMinCapacity)) << "a short filler";
}

}  // namespace
}  // namespace sluice::ring
