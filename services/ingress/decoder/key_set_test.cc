#include "services/ingress/decoder/key_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::ingress {
namespace {

TEST(KeySetTest, TellsNewKeysFromOldOnesAlsoWhenItGrew) {
  std::vector<std::string> names;
  for (int i = 0; i < 5000; ++i) names.push_back("k" + std::to_string(i));
  KeySet keys;
  for (int round = 0; round < 3; ++round) {
    for (const std::string& name : names) ASSERT_TRUE(keys.Insert(name)) << name;
    for (const std::string& name : names) ASSERT_FALSE(keys.Insert(std::string(name))) << name;
    EXPECT_EQ(keys.size(), 5000u);
    keys.Clear();
    EXPECT_EQ(keys.size(), 0u);
  }
}

TEST(KeySetTest, ForgetsWhatItHeldWhateverItsSize) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back("k" + std::to_string(i));
  KeySet keys;
  for (size_t size = 0; size <= names.size(); ++size) {
    for (size_t i = 0; i < size; ++i) ASSERT_TRUE(keys.Insert(names[i])) << size << " " << i;
    for (size_t i = 0; i < size; ++i) ASSERT_FALSE(keys.Insert(names[i])) << size << " " << i;
    EXPECT_EQ(keys.size(), size);
    keys.Clear();
  }
}

TEST(KeySetTest, ComparesEveryByte) {
  KeySet keys;
  EXPECT_TRUE(keys.Insert(""));
  EXPECT_FALSE(keys.Insert(""));
  EXPECT_TRUE(keys.Insert(absl::string_view("a\0b", 3)));
  EXPECT_TRUE(keys.Insert("a"));
  EXPECT_FALSE(keys.Insert(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace sluice::ingress
