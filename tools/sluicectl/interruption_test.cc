#include "tools/sluicectl/interruption.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::sluicectl {
namespace {

TEST(InterruptionTest, WakesWhoWaitsAndCallsTheListenerOnce) {
  Interruption interruption;
  EXPECT_FALSE(interruption.WaitFor(absl::ZeroDuration()));
  int calls = 0;
  {
    Interruption::Listener listener(&interruption, [&] { ++calls; });
    std::thread raiser([&] {
      interruption.Raise(2);
      interruption.Raise(15);
    });
    EXPECT_TRUE(interruption.WaitFor(absl::InfiniteDuration()));
    raiser.join();
  }
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(interruption.signal(), 2);
}

TEST(InterruptionTest, AListenerThatComesLateIsCalledAtOnce) {
  Interruption interruption;
  interruption.Raise(2);
  int calls = 0;
  Interruption::Listener listener(&interruption, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(InterruptionTest, AListenerThatIsGoneIsNotCalled) {
  Interruption interruption;
  int calls = 0;
  {
    Interruption::Listener listener(&interruption, [&] { ++calls; });
  }
  interruption.Raise(2);
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace sluice::sluicectl
