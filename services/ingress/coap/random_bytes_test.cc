#include "services/ingress/coap/random_bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

namespace sluice::ingress {
namespace {

TEST(FillRandomTest, GivesNoByteOutTwice) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) {
    uint64_t number = 0;
    ASSERT_EQ(FillRandom(&number, sizeof(number)), 1);
    EXPECT_TRUE(seen.insert(number).second);
  }
}

TEST(FillRandomTest, FillsAllAndNoMore) {
  for (const size_t size : {0, 1, 2, 255, 256, 257, 1000}) {
    std::string bytes(size + 1, '\0');
    ASSERT_EQ(FillRandom(&bytes[0], size), 1);
    EXPECT_EQ(bytes.back(), '\0');
    // 16 zeros in a row do not come by chance.
    EXPECT_EQ(bytes.find(std::string(16, '\0')), std::string::npos) << size;
  }
}

}  // namespace
}  // namespace sluice::ingress
