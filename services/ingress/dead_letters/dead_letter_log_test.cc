#include "services/ingress/dead_letters/dead_letter_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "services/ingress/dead_letters/dead_letter_purge.h"
#include "services/ingress/testing/fake_journal.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DeadLetterLogTest : public ::testing::Test {
 protected:
  DeadLetterLogTest() {
    journal_.SyncAlways();
    for (int i = 0; i < 5; ++i) Put("device-" + std::to_string(i));
  }

  static std::string NewPath() {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/logXXXXXX";
    return std::string(mkdtemp(pattern.data())) + "/done";
  }

  void Put(const std::string& device_id, size_t payload_bytes = 0) {
    v1::DeadLetter letter;
    letter.set_device_id(device_id);
    letter.set_payload(std::string(payload_bytes, 'x'));
    EXPECT_TRUE(journal_.Append(letter.SerializeAsString()).ok());
  }

  absl::StatusOr<DeadLetterLog::Page> Select(int page_size, const std::string& token = "",
                                             const v1::DeadLetterFilter& filter = {}) {
    return log_.Select("List", filter, page_size, token);
  }

  std::vector<int64_t> Offsets(const v1::DeadLetterFilter& filter = {}) {
    std::vector<int64_t> offsets;
    for (const auto& letter : Select(0, "", filter)->letters) offsets.push_back(letter.offset());
    return offsets;
  }

  std::string WhyMissing(int64_t offset) {
    const absl::Status status = log_.Get(offset).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    return std::string(status.message());
  }

  FakeJournal journal_;
  DeadLetterMarks marks_{NewPath(), &journal_};
  DeadLetterLog log_{&journal_, &marks_};
};

TEST_F(DeadLetterLogTest, GivesPageAfterPage) {
  std::string token;
  int64_t next = 0;
  int pages = 0;
  do {
    const auto page = Select(2, token);
    ASSERT_TRUE(page.ok()) << page.status();
    ++pages;
    for (const auto& letter : page->letters) {
      EXPECT_EQ(letter.offset(), next);
      EXPECT_EQ(letter.device_id(), "device-" + std::to_string(next));
      ++next;
    }
    token = page->next_page_token;
  } while (!token.empty());
  EXPECT_EQ(next, 5);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(Select(5)->next_page_token, "");
}

TEST_F(DeadLetterLogTest, ShowsOnlyWhatIsDurableAndStillThere) {
  FakeJournal journal;
  ASSERT_TRUE(journal.Append("").ok());
  DeadLetterMarks marks(NewPath(), &journal);
  const auto page = DeadLetterLog(&journal, &marks).Select("List", {}, 0, "").value();
  EXPECT_TRUE(page.letters.empty());
  const std::string token = Select(2)->next_page_token;
  journal_.DeleteBelow(4);
  EXPECT_THAT(Offsets(), ElementsAre(4));
  EXPECT_EQ(Select(0, token)->letters[0].offset(), 4);
  EXPECT_THAT(WhyMissing(3), HasSubstr("purged"));
  EXPECT_THAT(WhyMissing(5), HasSubstr("none yet"));
  EXPECT_THAT(WhyMissing(-1), HasSubstr("none yet"));
}

TEST_F(DeadLetterLogTest, LeavesOutWhatIsPurgedReplayedDamagedOrFilteredOut) {
  ASSERT_TRUE(marks_.PurgeBelow(1).ok());
  ASSERT_TRUE(marks_.MarkReplayed({2}).ok());
  journal_.Damage(3);
  Put("device-1");
  EXPECT_THAT(Offsets(), ElementsAre(1, 4, 5));
  v1::DeadLetterFilter filter;
  filter.add_device_ids("device-1");
  EXPECT_THAT(Offsets(filter), ElementsAre(1, 5));
  EXPECT_THAT(WhyMissing(0), HasSubstr("purged"));
  EXPECT_THAT(WhyMissing(2), HasSubstr("replayed"));
  EXPECT_THAT(WhyMissing(3), HasSubstr("gone"));
  EXPECT_EQ(log_.Get(4)->offset(), 4);
  EXPECT_EQ(log_.Get(4)->device_id(), "device-4");
}

TEST_F(DeadLetterLogTest, PagesAreBoundInBytes) {
  for (int i = 0; i < 20; ++i) Put("large", 500'000);
  v1::DeadLetterFilter filter;
  filter.add_device_ids("large");
  size_t letters = 0;
  std::string token;
  do {
    const auto page = Select(1000, token, filter).value();
    letters += page.letters.size();
    EXPECT_LT(page.letters.size(), 1000u);
    token = page.next_page_token;
  } while (!token.empty());
  EXPECT_EQ(letters, 20u);
}

TEST_F(DeadLetterLogTest, ASearchIsBoundAndGoesOn) {
  for (int i = 0; i < 40; ++i) Put("other", 1'000'000);
  v1::DeadLetterFilter filter;
  filter.add_device_ids("nobody");
  int pages = 0;
  std::string token;
  do {
    const auto page = Select(1, token, filter).value();
    EXPECT_TRUE(page.letters.empty());
    token = page.next_page_token;
    ++pages;
  } while (!token.empty());
  EXPECT_GT(pages, 1);
}

TEST_F(DeadLetterLogTest, RefusesTokensOfOtherRequests) {
  const std::string token = Select(2)->next_page_token;
  v1::DeadLetterFilter filter;
  filter.add_device_ids("device-1");
  EXPECT_TRUE(absl::IsInvalidArgument(Select(2, token, filter).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(log_.Select("Replay", {}, 2, token).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Select(2, "junk").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Select(1001).status()));
  filter.mutable_received_from()->set_seconds(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(Select(2, "", filter).status()));
}

TEST_F(DeadLetterLogTest, ARecordThatIsNoLetterIsShownAsSuch) {
  ASSERT_TRUE(journal_.Append("\xff\xff").ok());
  const auto page = Select(0).value();
  EXPECT_EQ(page.letters.back().offset(), 5);
  EXPECT_THAT(page.letters.back().detail(), HasSubstr("cannot be read"));
  EXPECT_TRUE(absl::IsDataLoss(log_.Get(5).status()));
}

TEST_F(DeadLetterLogTest, APurgeTakesEverythingBelow) {
  ASSERT_TRUE(marks_.MarkReplayed({0}).ok());
  v1::PurgeDeadLettersRequest request;
  request.set_before_offset(3);
  request.set_validate_only(true);
  EXPECT_EQ(PurgeDeadLetters(request, log_)->purged_count(), 2);
  EXPECT_THAT(Offsets(), ElementsAre(1, 2, 3, 4));
  request.set_validate_only(false);
  EXPECT_EQ(PurgeDeadLetters(request, log_)->purged_count(), 2);
  EXPECT_THAT(Offsets(), ElementsAre(3, 4));
  EXPECT_EQ(PurgeDeadLetters(request, log_)->purged_count(), 0);
  request.mutable_all();
  EXPECT_EQ(PurgeDeadLetters(request, log_)->purged_count(), 2);
  EXPECT_THAT(Offsets(), ElementsAre());
  Put("later");
  EXPECT_THAT(Offsets(), ElementsAre(5));
  // Appended at the epoch, by the fake.
  request.mutable_before_time();
  EXPECT_EQ(PurgeDeadLetters(request, log_)->purged_count(), 0);
  request.mutable_before_time()->set_seconds(1);
  EXPECT_EQ(PurgeDeadLetters(request, log_)->purged_count(), 1);
}

TEST_F(DeadLetterLogTest, APurgeMustSayWhich) {
  v1::PurgeDeadLettersRequest request;
  EXPECT_TRUE(absl::IsInvalidArgument(PurgeDeadLetters(request, log_).status()));
  request.set_before_offset(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(PurgeDeadLetters(request, log_).status()));
  request.set_before_offset(6);
  EXPECT_TRUE(absl::IsOutOfRange(PurgeDeadLetters(request, log_).status()));
  request.mutable_before_time()->set_nanos(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(PurgeDeadLetters(request, log_).status()));
  EXPECT_EQ(Offsets().size(), 5u);
}

}  // namespace
}  // namespace sluice::ingress
