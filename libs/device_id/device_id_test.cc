#include "libs/device_id/device_id.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(ValidateIdTest, TakesEveryLegalCharacterUpToTheLimit) {
  EXPECT_TRUE(ValidateId("aZ09._-:", "id").ok());
  EXPECT_TRUE(ValidateId("...", "id").ok());
  EXPECT_TRUE(ValidateId(std::string(128, 'x'), "id").ok());
}

TEST(ValidateIdTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(ValidateId("", "device.id").message(), "device.id: must not be empty");
  EXPECT_EQ(ValidateId("..", "id").message(), "id: must be neither '.' nor '..'");
  EXPECT_EQ(ValidateId(".", "id").message(), "id: must be neither '.' nor '..'");
  EXPECT_EQ(ValidateId(std::string(129, 'x'), "id").message(),
            "id: is 129 bytes long; at most 128 are allowed");
  EXPECT_EQ(ValidateId("pump/7", "id").message(),
            "id: byte 4 (0x2f) is not one of A-Z a-z 0-9 . _ - :");
  EXPECT_EQ(ValidateId(std::string("a\0b", 3), "id").message(),
            "id: byte 1 (0x00) is not one of A-Z a-z 0-9 . _ - :");
  EXPECT_FALSE(ValidateId("caf\xc3\xa9", "id").ok());
}

}  // namespace
}  // namespace sluice
