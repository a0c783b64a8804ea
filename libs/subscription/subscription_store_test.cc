#include "libs/subscription/subscription_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/file/atomic_file.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/journal.h"

namespace sluice {
namespace {

using Kind = StartPosition::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

StartPosition From(Kind kind) {
  StartPosition start;
  start.kind = kind;
  return start;
}

StartPosition FromOffset(int64_t offset) {
  StartPosition start = From(Kind::kOffset);
  start.offset = offset;
  return start;
}

class SubscriptionStoreTest : public ::testing::Test {
 protected:
  SubscriptionStoreTest() {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/storeXXXXXX";
    directory_ = mkdtemp(pattern.data());
    options_.dir = "/d";
    options_.file_system = &files_;
    options_.segment_bytes = 500;
    journal_ = Journal::Open(options_, &clock_).value();
    Fill(100);
    Reopen();
  }
  ~SubscriptionStoreTest() override { chmod(directory_.c_str(), 0700); }

  void Fill(int records) {
    for (int i = 0; i < records; ++i) ASSERT_TRUE(journal_->Append("record").ok());
    ASSERT_TRUE(journal_->WaitDurable(journal_->end_offset() - 1, absl::InfiniteDuration()));
  }

  std::string path() const { return directory_ + "/subscriptions"; }

  void Reopen(int max_subscriptions = 10) {
    store_.reset();
    store_ = SubscriptionStore::Open(path(), journal_.get(), &clock_, max_subscriptions).value();
  }

  // Makes every write fail: the file's temporary name is taken by a directory.
  void BreakDisk() { ASSERT_EQ(mkdir((path() + ".tmp").c_str(), 0700), 0); }
  void MendDisk() { ASSERT_EQ(rmdir((path() + ".tmp").c_str()), 0); }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const SubscriptionInfo& info : store_->List("", 100)) names.push_back(info.name);
    return names;
  }

  absl::StatusCode Code(const absl::Status& status) { return status.code(); }

  std::string directory_;
  MemoryFileSystem files_;
  FakeClock clock_;
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<SubscriptionStore> store_;
};

TEST_F(SubscriptionStoreTest, CreatesListsAndDeletesDurably) {
  const auto created =
      store_->Create("cloud", From(Kind::kDefault), absl::InfiniteDuration()).value();
  EXPECT_EQ(created.cursor, 0);
  EXPECT_EQ(created.lag_records, 100);
  EXPECT_EQ(created.create_time, clock_.Now());
  EXPECT_FALSE(created.connected);
  ASSERT_TRUE(store_->Create("app", FromOffset(7), absl::Hours(1)).ok());
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("app", "cloud"));
  EXPECT_EQ(store_->List("", 1)[0].cursor, 7);
  EXPECT_EQ(store_->List("", 1)[0].expire_after, absl::Hours(1));
  EXPECT_EQ(store_->List("app", 9)[0].name, "cloud");
  ASSERT_TRUE(store_->Delete("app").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->Delete("app")));
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("cloud"));
}

TEST_F(SubscriptionStoreTest, CreateRefusesWhatIsWrong) {
  const auto create = [&](const std::string& name, StartPosition start,
                          absl::Duration expire_after = absl::InfiniteDuration()) {
    return store_->Create(name, start, expire_after).status();
  };
  EXPECT_TRUE(create("cloud", From(Kind::kLatest)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(create("cloud", From(Kind::kLatest))));
  EXPECT_TRUE(absl::IsInvalidArgument(create("", From(Kind::kLatest))));
  EXPECT_TRUE(absl::IsInvalidArgument(create("a/b", From(Kind::kLatest))));
  EXPECT_TRUE(absl::IsInvalidArgument(create("a", From(Kind::kResume))));
  EXPECT_TRUE(absl::IsInvalidArgument(create("a", FromOffset(-1))));
  EXPECT_TRUE(absl::IsOutOfRange(create("a", FromOffset(101))));
  EXPECT_TRUE(absl::IsInvalidArgument(create("a", From(Kind::kLatest), absl::Seconds(59))));
  EXPECT_TRUE(absl::IsInvalidArgument(create("a", From(Kind::kLatest), -absl::Hours(1))));
  EXPECT_TRUE(create("a", FromOffset(100), absl::Minutes(1)).ok());
  Reopen(2);
  EXPECT_TRUE(absl::IsResourceExhausted(create("b", From(Kind::kLatest))));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->OpenStream("b", From(Kind::kDefault)).status()));
  EXPECT_THAT(Names(), ElementsAre("a", "cloud"));
}

TEST_F(SubscriptionStoreTest, AStreamWithoutANameHoldsNothingBack) {
  EXPECT_EQ(store_->OpenStream("", From(Kind::kDefault))->start, 100);
  EXPECT_EQ(store_->OpenStream("", From(Kind::kEarliest))->start, 0);
  EXPECT_EQ(store_->OpenStream("", FromOffset(100))->start, 100);
  EXPECT_TRUE(absl::IsOutOfRange(store_->OpenStream("", FromOffset(101)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->OpenStream("", From(Kind::kResume)).status()));
  const StreamTicket ticket = store_->OpenStream("", From(Kind::kLatest)).value();
  EXPECT_EQ(ticket.epoch, 0);
  EXPECT_FALSE(store_->Superseded(ticket));
  store_->CloseStream(ticket);
  EXPECT_TRUE(Names().empty());
}

TEST_F(SubscriptionStoreTest, BeginsWhereATimeSays) {
  clock_.Advance(absl::Seconds(10));
  const absl::Time time = clock_.Now();
  Fill(5);
  StartPosition start = From(Kind::kTime);
  start.time = time;
  EXPECT_EQ(store_->OpenStream("", start)->start, 100);
  start.time = time + absl::Seconds(1);
  EXPECT_EQ(store_->OpenStream("cloud", start)->start, 105);
}

TEST_F(SubscriptionStoreTest, TheNewestStreamWins) {
  const StreamTicket first = store_->OpenStream("cloud", From(Kind::kResume)).value();
  EXPECT_EQ(first.epoch, 1);
  EXPECT_EQ(first.start, 0);
  EXPECT_FALSE(store_->Superseded(first));
  EXPECT_TRUE(store_->List("", 1)[0].connected);
  const StreamTicket second = store_->OpenStream("cloud", From(Kind::kDefault)).value();
  EXPECT_EQ(second.epoch, 2);
  EXPECT_TRUE(store_->Superseded(first));
  EXPECT_FALSE(store_->Superseded(second));
  store_->CloseStream(first);
  EXPECT_TRUE(store_->List("", 1)[0].connected);
  store_->CloseStream(second);
  EXPECT_FALSE(store_->List("", 1)[0].connected);
  Reopen();
  EXPECT_EQ(store_->OpenStream("cloud", From(Kind::kResume))->epoch, 3);
}

TEST_F(SubscriptionStoreTest, AnExistingSubscriptionCanOnlyBeResumed) {
  ASSERT_TRUE(store_->OpenStream("cloud", FromOffset(40)).ok());
  EXPECT_EQ(store_->OpenStream("cloud", From(Kind::kResume))->start, 40);
  for (const Kind kind : {Kind::kEarliest, Kind::kLatest, Kind::kOffset, Kind::kTime}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(store_->OpenStream("cloud", From(kind)).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(store_->OpenStream("..", From(Kind::kResume)).status()));
}

TEST_F(SubscriptionStoreTest, ADeletedSubscriptionsStreamIsSupersededForEver) {
  const StreamTicket ticket = store_->OpenStream("cloud", From(Kind::kResume)).value();
  ASSERT_TRUE(store_->Delete("cloud").ok());
  EXPECT_TRUE(store_->Superseded(ticket));
  const StreamTicket anew = store_->OpenStream("cloud", From(Kind::kResume)).value();
  EXPECT_EQ(anew.epoch, ticket.epoch);
  EXPECT_TRUE(store_->Superseded(ticket));
  store_->CloseStream(ticket);
  EXPECT_TRUE(store_->List("", 1)[0].connected);
}

TEST_F(SubscriptionStoreTest, AcknowledgementsMoveTheCursorForwardDurably) {
  const StreamTicket ticket = store_->OpenStream("cloud", From(Kind::kResume)).value();
  const std::string id = journal_->id();
  EXPECT_EQ(store_->Acknowledge("cloud", id, ticket.epoch, 60).value(), 60);
  EXPECT_EQ(store_->Acknowledge("cloud", id, 0, 40).value(), 60);
  EXPECT_EQ(store_->Acknowledge("cloud", id, 0, 60).value(), 60);
  Reopen();
  EXPECT_EQ(store_->List("", 1)[0].cursor, 60);
  EXPECT_EQ(store_->List("", 1)[0].lag_records, 40);
  EXPECT_EQ(store_->Acknowledge("cloud", id, 0, 100).value(), 100);
}

TEST_F(SubscriptionStoreTest, AcknowledgeRefusesWhatIsWrong) {
  const std::string id = journal_->id();
  EXPECT_TRUE(absl::IsNotFound(store_->Acknowledge("cloud", id, 0, 1).status()));
  ASSERT_TRUE(store_->OpenStream("cloud", From(Kind::kResume)).ok());
  ASSERT_TRUE(store_->OpenStream("cloud", From(Kind::kResume)).ok());
  EXPECT_TRUE(absl::IsOutOfRange(store_->Acknowledge("cloud", "other", 0, 1).status()));
  EXPECT_TRUE(absl::IsAborted(store_->Acknowledge("cloud", id, 1, 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Acknowledge("cloud", id, 3, 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Acknowledge("cloud", id, 2, 101).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Acknowledge("cloud", id, 2, -1).status()));
  EXPECT_EQ(store_->List("", 1)[0].cursor, 0);
}

TEST_F(SubscriptionStoreTest, SeekMovesTheCursorInEitherDirectionDurably) {
  ASSERT_TRUE(store_->OpenStream("cloud", FromOffset(50)).ok());
  const auto cursor = [&](const StartPosition& start) {
    return store_->Seek("cloud", start).value().cursor;
  };
  EXPECT_EQ(cursor(FromOffset(20)), 20);
  Reopen();
  EXPECT_EQ(store_->List("", 1)[0].cursor, 20);
  EXPECT_EQ(store_->List("", 1)[0].lag_records, 80);
  EXPECT_EQ(cursor(From(Kind::kLatest)), 100);
  EXPECT_EQ(cursor(From(Kind::kEarliest)), 0);
  clock_.Advance(absl::Seconds(10));
  StartPosition time = From(Kind::kTime);
  time.time = clock_.Now();
  Fill(5);
  EXPECT_EQ(cursor(time), 100);
  EXPECT_EQ(cursor(FromOffset(105)), 105);
  EXPECT_EQ(store_->OpenStream("cloud", From(Kind::kResume))->start, 105);
}

TEST_F(SubscriptionStoreTest, SeekRefusesWhatIsWrong) {
  EXPECT_TRUE(absl::IsNotFound(store_->Seek("cloud", FromOffset(1)).status()));
  ASSERT_TRUE(store_->OpenStream("cloud", FromOffset(50)).ok());
  for (const Kind kind : {Kind::kDefault, Kind::kResume}) {
    EXPECT_TRUE(absl::IsInvalidArgument(store_->Seek("cloud", From(kind)).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Seek("cloud", FromOffset(-1)).status()));
  EXPECT_TRUE(absl::IsOutOfRange(store_->Seek("cloud", FromOffset(101)).status()));
  BreakDisk();
  EXPECT_FALSE(store_->Seek("cloud", FromOffset(10)).ok());
  MendDisk();
  EXPECT_EQ(store_->List("", 1)[0].cursor, 50);
  EXPECT_EQ(store_->List("", 1)[0].epoch, 1);
  EXPECT_TRUE(store_->List("", 1)[0].connected);
}

TEST_F(SubscriptionStoreTest, SeekEndsTheStreamAndRefusesItsAcknowledgements) {
  const StreamTicket ticket = store_->OpenStream("cloud", FromOffset(50)).value();
  const SubscriptionInfo info = store_->Seek("cloud", FromOffset(20)).value();
  EXPECT_EQ(info.epoch, ticket.epoch + 1);
  EXPECT_FALSE(info.connected);
  EXPECT_TRUE(store_->Superseded(ticket));
  EXPECT_TRUE(
      absl::IsAborted(store_->Acknowledge("cloud", journal_->id(), ticket.epoch, 60).status()));
  EXPECT_EQ(store_->List("", 1)[0].cursor, 20);
  const StreamTicket next = store_->OpenStream("cloud", From(Kind::kResume)).value();
  EXPECT_EQ(next.start, 20);
  store_->CloseStream(ticket);
  EXPECT_TRUE(store_->List("", 1)[0].connected);
  EXPECT_EQ(store_->Acknowledge("cloud", journal_->id(), next.epoch, 60).value(), 60);
}

TEST_F(SubscriptionStoreTest, WhatSeekWentBackToIsHeldBack) {
  ASSERT_TRUE(store_->OpenStream("cloud", From(Kind::kEarliest)).ok());
  ASSERT_TRUE(store_->Seek("cloud", From(Kind::kLatest)).ok());
  ASSERT_TRUE(store_->Seek("cloud", FromOffset(60)).ok());
  // Only now, else what the first seek passed could be deleted before the second.
  store_.reset();
  journal_.reset();
  options_.max_bytes = 1000;
  journal_ = Journal::Open(options_, &clock_).value();
  store_ = SubscriptionStore::Open(path(), journal_.get(), &clock_, 10).value();
  Fill(100);
  EXPECT_LE(journal_->begin_offset(), 60);
  // What is gone shows as a gap.
  ASSERT_TRUE(store_->Seek("cloud", From(Kind::kLatest)).ok());
  for (int i = 0; i < 100 && journal_->begin_offset() <= 100; ++i) Fill(1);
  EXPECT_GT(journal_->begin_offset(), 100);
  EXPECT_EQ(store_->Seek("cloud", FromOffset(3))->cursor, 3);
  EXPECT_EQ(store_->Seek("cloud", From(Kind::kEarliest))->cursor, journal_->begin_offset());
}

TEST_F(SubscriptionStoreTest, TellsBytesAndAgeOfWhatIsNotAcknowledged) {
  const absl::Time first = clock_.Now();
  clock_.Advance(absl::Seconds(10));
  Fill(1);
  clock_.Advance(absl::Seconds(5));
  ASSERT_TRUE(store_->OpenStream("cloud", From(Kind::kEarliest)).ok());
  SubscriptionInfo info = store_->List("", 1)[0];
  EXPECT_EQ(info.oldest_time, first);
  EXPECT_EQ(info.oldest_age, absl::Seconds(15));
  EXPECT_EQ(info.lag_bytes, journal_->stats().bytes);
  EXPECT_EQ(store_->List("", 1)[0].oldest_time, first);
  info = store_->Seek("cloud", FromOffset(100)).value();
  EXPECT_EQ(info.oldest_time, first + absl::Seconds(10));
  EXPECT_EQ(info.oldest_age, absl::Seconds(5));
  EXPECT_GT(info.lag_bytes, 0);
  EXPECT_LT(info.lag_bytes, 100);
  clock_.Jump(-absl::Hours(1));
  EXPECT_EQ(store_->List("", 1)[0].oldest_age, absl::ZeroDuration());
  info = store_->Seek("cloud", From(Kind::kLatest)).value();
  EXPECT_EQ(info.lag_bytes, 0);
  EXPECT_FALSE(info.oldest_time.has_value());
}

TEST_F(SubscriptionStoreTest, TheLowestCursorHoldsTheJournalBack) {
  journal_.reset();
  options_.max_bytes = 1000;
  journal_ = Journal::Open(options_, &clock_).value();
  store_ = SubscriptionStore::Open(path(), journal_.get(), &clock_, 10).value();
  ASSERT_TRUE(store_->OpenStream("slow", FromOffset(50)).ok());
  ASSERT_TRUE(store_->OpenStream("fast", FromOffset(100)).ok());
  Fill(100);
  EXPECT_LE(journal_->begin_offset(), 50);
  ASSERT_TRUE(store_->Acknowledge("slow", journal_->id(), 0, 190).ok());
  Fill(1);
  EXPECT_LE(journal_->begin_offset(), 100);
  ASSERT_TRUE(store_->Delete("fast").ok());
  for (int i = 0; i < 100 && journal_->begin_offset() <= 150; ++i) Fill(1);
  EXPECT_GT(journal_->begin_offset(), 150);
}

TEST_F(SubscriptionStoreTest, CursorsOfAWipedJournalStartAnew) {
  ASSERT_TRUE(store_->OpenStream("cloud", FromOffset(50)).ok());
  MemoryFileSystem empty;
  options_.file_system = &empty;
  store_.reset();
  journal_ = Journal::Open(options_, &clock_).value();
  Reopen();
  EXPECT_EQ(store_->List("", 1)[0].cursor, 0);
  store_.reset();
  journal_.reset();
}

TEST_F(SubscriptionStoreTest, WhatCannotBeWrittenDidNotHappen) {
  ASSERT_TRUE(store_->OpenStream("cloud", From(Kind::kResume)).ok());
  const StreamTicket stream = store_->OpenStream("cloud", From(Kind::kResume)).value();
  const std::string id = journal_->id();
  BreakDisk();
  EXPECT_FALSE(store_->Acknowledge("cloud", id, 0, 60).ok());
  EXPECT_FALSE(store_->Create("app", From(Kind::kLatest), absl::Hours(1)).ok());
  EXPECT_FALSE(store_->OpenStream("cloud", From(Kind::kResume)).ok());
  EXPECT_FALSE(store_->Delete("cloud").ok());
  EXPECT_THAT(Names(), ElementsAre("cloud"));
  EXPECT_EQ(store_->List("", 1)[0].cursor, 0);
  EXPECT_FALSE(store_->Superseded(stream));
  MendDisk();
  EXPECT_EQ(store_->Acknowledge("cloud", id, stream.epoch, 60).value(), 60);
  EXPECT_TRUE(store_->Create("app", From(Kind::kLatest), absl::Hours(1)).ok());
}

TEST_F(SubscriptionStoreTest, ConcurrentChangesAreAllKept) {
  constexpr int kThreads = 8;
  for (int t = 0; t < kThreads; ++t) {
    ASSERT_TRUE(store_->OpenStream(absl::StrCat("s", t), From(Kind::kResume)).ok());
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t offset = 1; offset <= 50; ++offset) {
        ASSERT_EQ(store_->Acknowledge(absl::StrCat("s", t), journal_->id(), 1, offset + t).value(),
                  offset + t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Reopen();
  const auto infos = store_->List("", 100);
  ASSERT_EQ(infos.size(), static_cast<size_t>(kThreads));
  for (int t = 0; t < kThreads; ++t) EXPECT_EQ(infos[t].cursor, 50 + t);
}

TEST_F(SubscriptionStoreTest, IdleSubscriptionsExpireAndUsedOnesDoNot) {
  const absl::Duration day = absl::Hours(24);
  for (const char* name : {"idle", "acknowledging", "connected", "closed"}) {
    ASSERT_TRUE(store_->Create(name, From(Kind::kEarliest), day).ok());
  }
  ASSERT_TRUE(store_->Create("eternal", From(Kind::kEarliest), absl::InfiniteDuration()).ok());
  ASSERT_TRUE(store_->OpenStream("connected", From(Kind::kResume)).ok());
  const StreamTicket closed = store_->OpenStream("closed", From(Kind::kResume)).value();
  for (int hour = 1; hour < 24; ++hour) {
    clock_.Advance(absl::Hours(1));
    store_->ExpireIdle();
  }
  ASSERT_TRUE(store_->Acknowledge("acknowledging", journal_->id(), 0, 1).ok());
  store_->CloseStream(closed);
  EXPECT_EQ(Names().size(), 5u);
  clock_.Advance(absl::Hours(1));
  store_->ExpireIdle();
  EXPECT_THAT(Names(), ElementsAre("acknowledging", "closed", "connected", "eternal"));
  clock_.Advance(day);
  store_->ExpireIdle();
  EXPECT_THAT(Names(), ElementsAre("connected", "eternal"));
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("connected", "eternal"));
}

TEST_F(SubscriptionStoreTest, WhoCouldNotComeWhileTheBoxWasOffGetsHisChance) {
  ASSERT_TRUE(store_->Create("cloud", From(Kind::kEarliest), absl::Hours(24)).ok());
  clock_.Advance(absl::Hours(100));
  Reopen();
  store_->ExpireIdle();
  EXPECT_THAT(Names(), ElementsAre("cloud"));
  clock_.Advance(absl::Hours(1));
  store_->ExpireIdle();
  EXPECT_TRUE(Names().empty());
}

TEST_F(SubscriptionStoreTest, AJumpOfTheWallClockAloneExpiresNothing) {
  ASSERT_TRUE(store_->Create("cloud", From(Kind::kEarliest), absl::Hours(24)).ok());
  clock_.Jump(absl::Hours(24 * 365));
  store_->ExpireIdle();
  EXPECT_THAT(Names(), ElementsAre("cloud"));
}

TEST_F(SubscriptionStoreTest, ADamagedFileIsAnErrorThatNamesIt) {
  ASSERT_TRUE(ReplaceFile(path(), "\xff\xff").ok());
  const auto opened = SubscriptionStore::Open(path(), journal_.get(), &clock_, 10);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr(path()));
}

}  // namespace
}  // namespace sluice
