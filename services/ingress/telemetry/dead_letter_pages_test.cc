#include "services/ingress/telemetry/dead_letter_pages.h"

#include <gtest/gtest.h>

#include <string>

#include "services/ingress/testing/fake_journal.h"

namespace sluice::ingress {
namespace {

class DeadLetterPagesTest : public ::testing::Test {
 protected:
  DeadLetterPagesTest() {
    journal_.SyncAlways();
    for (int i = 0; i < 5; ++i) {
      v1::DeadLetter letter;
      letter.set_device_id("device-" + std::to_string(i));
      EXPECT_TRUE(journal_.Append(letter.SerializeAsString()).ok());
    }
  }

  absl::StatusOr<v1::ListDeadLettersResponse> List(int page_size, const std::string& token = "") {
    v1::ListDeadLettersRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    return ListDeadLetters(request, &journal_);
  }

  FakeJournal journal_;
};

TEST_F(DeadLetterPagesTest, ListsAPageAtATime) {
  std::string token;
  int64_t next = 0;
  int pages = 0;
  do {
    const auto page = List(2, token);
    ASSERT_TRUE(page.ok()) << page.status();
    ++pages;
    for (const auto& letter : page->dead_letters()) {
      EXPECT_EQ(letter.offset(), next);
      EXPECT_EQ(letter.device_id(), "device-" + std::to_string(next));
      ++next;
    }
    token = page->next_page_token();
  } while (!token.empty());
  EXPECT_EQ(next, 5);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(List(0)->dead_letters_size(), 5);
  EXPECT_EQ(List(5)->next_page_token(), "");
}

TEST_F(DeadLetterPagesTest, ShowsOnlyWhatIsDurableAndStillThere) {
  FakeJournal journal;
  ASSERT_TRUE(journal.Append("").ok());
  EXPECT_EQ(ListDeadLetters({}, &journal)->dead_letters_size(), 0);
  const std::string token = List(2)->next_page_token();
  journal_.DeleteBelow(4);
  EXPECT_EQ(List(0)->dead_letters(0).offset(), 4);
  EXPECT_EQ(List(0, token)->dead_letters(0).offset(), 4);
}

TEST_F(DeadLetterPagesTest, ShowsThatARecordIsUnreadable) {
  ASSERT_TRUE(journal_.Append("\xff nonsense").ok());
  const auto page = List(0);
  ASSERT_EQ(page->dead_letters_size(), 6);
  EXPECT_EQ(page->dead_letters(5).offset(), 5);
  EXPECT_NE(page->dead_letters(5).detail(), "");
}

TEST_F(DeadLetterPagesTest, RefusesForeignTokensAndSizes) {
  EXPECT_EQ(List(0, "nonsense").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(List(-1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(List(1001).status().code(), absl::StatusCode::kInvalidArgument);
  FakeJournal other("another");
  v1::ListDeadLettersRequest request;
  request.set_page_token(List(2)->next_page_token());
  EXPECT_EQ(ListDeadLetters(request, &other).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::ingress
