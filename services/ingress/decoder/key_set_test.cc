#include "services/ingress/decoder/key_set.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

TEST(KeySetTest, TellsNewKeysFromOldOnesAlsoWhenItGrew) {
  KeySet keys;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) ASSERT_TRUE(keys.Insert("k" + std::to_string(i))) << i;
    for (int i = 0; i < 5000; ++i) ASSERT_FALSE(keys.Insert("k" + std::to_string(i))) << i;
    EXPECT_EQ(keys.size(), 5000u);
    keys.Clear();
    EXPECT_EQ(keys.size(), 0u);
  }
}

TEST(KeySetTest, ComparesEveryByte) {
  KeySet keys;
  EXPECT_TRUE(keys.Insert(""));
  EXPECT_FALSE(keys.Insert(""));
  EXPECT_TRUE(keys.Insert(std::string("a\0b", 3)));
  EXPECT_TRUE(keys.Insert("a"));
  EXPECT_FALSE(keys.Insert(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace sluice::ingress
