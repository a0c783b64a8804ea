#include "libs/journal/sync_thread.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"

namespace sluice::journal {
namespace {

TEST(SyncThreadTest, ServesAllWakesThatCameWhileItWorkedAtOnce) {
  std::atomic<int> calls{0};
  absl::Notification started, go_on;
  {
    SyncThread thread({}, [&] {
      if (++calls > 1) return true;
      started.Notify();
      go_on.WaitForNotification();
      return true;
    });
    thread.Wake();
    started.WaitForNotification();
    for (int i = 0; i < 100; ++i) thread.Wake();
    go_on.Notify();
  }
  EXPECT_EQ(calls, 2);
}

TEST(SyncThreadTest, LooksNowAndThenWithoutBeingAsked) {
  std::atomic<int> calls{0};
  absl::Notification third;
  SyncThread::Times times;
  times.longest_rest = absl::Milliseconds(1);
  SyncThread thread(times, [&] {
    if (++calls == 3) third.Notify();
    return false;
  });
  third.WaitForNotification();
}

TEST(SyncThreadTest, KeepsTheIntervalButNotAtTheEnd) {
  std::atomic<int> calls{0};
  absl::Notification first;
  {
    SyncThread thread({.interval = absl::Hours(1)}, [&] {
      if (++calls == 1) first.Notify();
      return true;
    });
    // The first comes at once.
    thread.Wake();
    first.WaitForNotification();
    thread.Wake();
    EXPECT_EQ(calls, 1);
  }
  EXPECT_EQ(calls, 2);
}

TEST(SyncThreadTest, LetsWhatMayWaitGather) {
  std::atomic<int> calls{0};
  absl::Notification first;
  SyncThread thread({.soon = absl::Hours(1)}, [&] {
    if (++calls == 1) first.Notify();
    return true;
  });
  thread.WakeSoon();
  thread.WakeSoon();
  EXPECT_EQ(calls, 0);
  // Whoever cannot wait takes the others along.
  thread.Wake();
  first.WaitForNotification();
}

TEST(SyncThreadTest, WhatMayWaitComesInTimeAndAtTheEnd) {
  std::atomic<int> calls{0};
  absl::Notification first;
  {
    SyncThread thread({.soon = absl::Milliseconds(1)}, [&] {
      if (++calls == 1) first.Notify();
      return true;
    });
    thread.WakeSoon();
    first.WaitForNotification();
  }
  {
    SyncThread thread({.soon = absl::Hours(1)}, [&] {
      ++calls;
      return true;
    });
    thread.WakeSoon();
  }
  EXPECT_EQ(calls, 2);
}

TEST(SyncThreadTest, WhatMayWaitHasGatheredWhenTheIntervalIsOver) {
  std::atomic<int> calls{0};
  absl::Notification second;
  std::atomic<SyncThread*> itself{nullptr};
  SyncThread thread({.interval = absl::Milliseconds(1), .soon = absl::Hours(1)}, [&] {
    if (++calls == 1) itself.load()->WakeSoon();
    if (calls == 2) second.Notify();
    return true;
  });
  itself = &thread;
  thread.Wake();
  second.WaitForNotification();
}

TEST(SyncThreadTest, DoesNothingUnasked) {
  std::atomic<int> calls{0};
  {
    SyncThread thread({}, [&] {
      ++calls;
      return true;
    });
  }
  EXPECT_EQ(calls, 0);
}

TEST(SyncThreadTest, WorkThatSyncedNothingDelaysNothing) {
  std::atomic<int> calls{0};
  absl::Notification first, second;
  SyncThread thread({.interval = absl::Hours(1)}, [&] {
    (++calls == 1 ? first : second).Notify();
    return false;
  });
  thread.Wake();
  first.WaitForNotification();
  thread.Wake();
  second.WaitForNotification();
}

}  // namespace
}  // namespace sluice::journal
