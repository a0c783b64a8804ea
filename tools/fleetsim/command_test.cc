#include "tools/fleetsim/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::fleetsim {
namespace {

using ::testing::HasSubstr;

TEST(CommandTest, AnswersWithWhatItWasTold) {
  const auto answer = CarryOut("sim-1", R"({"id":"c-7","name":"open","arguments":{"to":50}})");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->command_id, "c-7");
  EXPECT_THAT(answer->payload, HasSubstr(R"("status":"succeeded")"));
  EXPECT_THAT(answer->payload, HasSubstr(R"("name":"open")"));
  EXPECT_THAT(answer->payload, HasSubstr(R"("to":50)"));
  EXPECT_THAT(answer->payload, HasSubstr(R"("device":"sim-1")"));
}

TEST(CommandTest, TakesTheLongNameOfTheIdToo) {
  EXPECT_EQ(CarryOut("d", R"({"command_id":"c"})")->command_id, "c");
}

TEST(CommandTest, WhatIsNoCommandIsRefused) {
  for (const char* bad :
       {"", "[]", "7", "{", "{}", R"({"id":7})", R"({"id":""})", R"({"id":"a/b"})", "\xff\xfe"}) {
    EXPECT_FALSE(CarryOut("d", bad).ok()) << bad;
  }
  EXPECT_FALSE(CarryOut("d", std::string(100000, '[')).ok());
}

}  // namespace
}  // namespace sluice::fleetsim
