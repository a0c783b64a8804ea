#include "services/ingress/intake/memory_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::ingress {
namespace {

TEST(MemoryBudgetTest, KnowsWhatAllSharesHold) {
  MemoryBudget budget(1000);
  {
    MemoryBudget::Share a(&budget);
    MemoryBudget::Share b(&budget);
    a.Set(300);
    EXPECT_TRUE(b.TrySet(200));
    EXPECT_EQ(budget.used_bytes(), 500);
    a.Set(100);
    EXPECT_EQ(budget.used_bytes(), 300);
  }
  EXPECT_EQ(budget.used_bytes(), 0);
}

TEST(MemoryBudgetTest, RefusesOnceItIsUsedUp) {
  MemoryBudget budget(1000);
  MemoryBudget::Share large(&budget);
  EXPECT_TRUE(large.TrySet(5000)) << "nothing is too large while the budget lasts";
  MemoryBudget::Share other(&budget);
  EXPECT_FALSE(other.TrySet(1));
  EXPECT_EQ(budget.used_bytes(), 5000);
  EXPECT_EQ(budget.refusals(), 1);
  large.Set(0);
  EXPECT_TRUE(other.TrySet(1));
}

TEST(MemoryBudgetTest, WhatNobodyWaitsForIsShedFirst) {
  MemoryBudget budget(1000);
  MemoryBudget::Share share(&budget);
  share.Set(749);
  EXPECT_TRUE(budget.HasRoom(/*awaited=*/false));
  share.Set(750);
  EXPECT_FALSE(budget.HasRoom(/*awaited=*/false));
  EXPECT_TRUE(budget.HasRoom(/*awaited=*/true));
  share.Set(1000);
  EXPECT_FALSE(budget.HasRoom(/*awaited=*/true));
}

TEST(MemoryBudgetTest, ManyThreadsKeepTheAccount) {
  constexpr int kThreads = 4;
  constexpr int64_t kBytes = 100;
  MemoryBudget budget(kBytes * 2);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        MemoryBudget::Share share(&budget);
        share.TrySet(kBytes);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(budget.used_bytes(), 0);
}

}  // namespace
}  // namespace sluice::ingress
