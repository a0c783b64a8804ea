#include "libs/ring/lease_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace sluice::ring {
namespace {

class LeaseTableTest : public testing::Test {
 protected:
  LeaseTableTest() { table_.KeepAliveUntil(10'000); }

  bool Set(const std::string& name, uint64_t expires_ms, uint8_t code = 1, uint64_t now_ms = 0) {
    return table_.Set(name.data(), name.size(), now_ms, {expires_ms, code, 7});
  }
  bool Holds(const std::string& name, uint64_t now_ms) {
    return table_.Find(name.data(), name.size(), now_ms, &found_);
  }

  struct Fields {
    LeaseEntry entries[kLeaseBuckets * kLeasesPerBucket] = {};
    ControlFields control = {};
  };
  const std::unique_ptr<Fields> fields_ = std::make_unique<Fields>();
  LeaseTable table_{fields_->entries, &fields_->control, 42};
  Lease found_;
};

TEST_F(LeaseTableTest, HoldsUntilItsTime) {
  ASSERT_TRUE(Set("d1", 500, 3));
  EXPECT_TRUE(Holds("d1", 499));
  EXPECT_EQ(found_.code, 3);
  EXPECT_EQ(found_.limit, 7);
  EXPECT_EQ(found_.expires_ms, 500u);
  EXPECT_FALSE(Holds("d1", 500));
  EXPECT_FALSE(Holds("d2", 0));
}

TEST_F(LeaseTableTest, AllEndWithTheReader) {
  ASSERT_TRUE(Set("d1", 1'000'000));
  EXPECT_TRUE(table_.ReaderAlive(9'999));
  EXPECT_TRUE(Holds("d1", 9'999));
  EXPECT_FALSE(table_.ReaderAlive(10'000));
  EXPECT_FALSE(Holds("d1", 10'000));
}

TEST_F(LeaseTableTest, IsChangedAndEnded) {
  ASSERT_TRUE(Set("d1", 500, 1));
  ASSERT_TRUE(Set("d1", 800, 2));
  EXPECT_TRUE(Holds("d1", 600));
  EXPECT_EQ(found_.code, 2);
  ASSERT_TRUE(Set("d1", 0));
  EXPECT_FALSE(Holds("d1", 1));
  ASSERT_TRUE(Set("d1", 500));
  table_.Clear();
  EXPECT_FALSE(Holds("d1", 1));
}

TEST_F(LeaseTableTest, IsBoundedAndTakesThePlacesOfEndedOnes) {
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) refused += !Set(absl::StrCat("d", i), 500);
  EXPECT_GE(refused, 10'000 - kLeaseBuckets * kLeasesPerBucket);
  int held = 0;
  for (int i = 0; i < 10'000; ++i) held += Holds(absl::StrCat("d", i), 1);
  EXPECT_EQ(held, 10'000 - refused);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(Set(absl::StrCat("e", i), 900, 1, /*now_ms=*/500));
  }
}

TEST_F(LeaseTableTest, IsLookedUpWhileItIsWritten) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; i < 20'000; ++i) Set(absl::StrCat("d", i % 5000), 500 + i, 9, 499 + i);
    stop = true;
  });
  while (!stop) {
    for (int i = 0; i < 100; ++i) {
      const bool holds = Holds(absl::StrCat("d", i), 0);
      EXPECT_TRUE(!holds || found_.code == 9);
    }
  }
  writer.join();
}

}  // namespace
}  // namespace sluice::ring
