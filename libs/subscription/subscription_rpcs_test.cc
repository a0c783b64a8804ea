#include "libs/subscription/subscription_rpcs.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/journal.h"
#include "libs/rpc/grpc_status.h"
#include "libs/status/field_violation.h"

namespace sluice {
namespace {

class SubscriptionRpcsTest : public ::testing::Test {
 protected:
  SubscriptionRpcsTest() {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/rpcsXXXXXX";
    JournalOptions options;
    options.dir = "/d";
    options.file_system = &files_;
    journal_ = Journal::Open(options, &clock_).value();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(journal_->Append("record").ok());
    EXPECT_TRUE(journal_->WaitDurable(9, absl::InfiniteDuration()));
    store_ = SubscriptionStore::Open(std::string(mkdtemp(pattern.data())) + "/subscriptions",
                                     journal_.get(), &clock_, 1000)
                 .value();
    rpcs_ = std::make_unique<SubscriptionRpcs>(store_.get());
  }

  grpc::Status Create(const std::string& name) {
    v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_name(name);
    v1::Subscription response;
    return rpcs_->Create(request, &response);
  }

  MemoryFileSystem files_;
  FakeClock clock_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<SubscriptionStore> store_;
  std::unique_ptr<SubscriptionRpcs> rpcs_;
};

TEST_F(SubscriptionRpcsTest, CreatesFromTheOldestUnlessToldOtherwise) {
  v1::CreateSubscriptionRequest request;
  request.mutable_subscription()->set_name("cloud");
  request.mutable_subscription()->mutable_expire_after()->set_seconds(90);
  v1::Subscription response;
  ASSERT_TRUE(rpcs_->Create(request, &response).ok());
  EXPECT_EQ(response.name(), "cloud");
  EXPECT_EQ(response.cursor(), 0);
  EXPECT_EQ(response.lag_records(), 10);
  EXPECT_EQ(response.expire_after().seconds(), 90);
  EXPECT_EQ(rpcs_->Create(request, &response).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  request.mutable_subscription()->set_name("late");
  request.mutable_start()->mutable_latest();
  ASSERT_TRUE(rpcs_->Create(request, &response).ok());
  EXPECT_EQ(response.cursor(), 10);
}

TEST_F(SubscriptionRpcsTest, SeeksAndTellsHowItStandsThen) {
  v1::SeekSubscriptionRequest request;
  request.set_name("cloud");
  request.mutable_start()->set_offset(4);
  v1::Subscription response;
  EXPECT_EQ(rpcs_->Seek(request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(Create("cloud").ok());
  ASSERT_TRUE(rpcs_->Seek(request, &response).ok());
  EXPECT_EQ(response.cursor(), 4);
  EXPECT_EQ(response.lag_records(), 6);
  EXPECT_GT(response.lag_bytes(), 0);
  EXPECT_TRUE(response.has_oldest_unacknowledged_time());
  request.mutable_start()->set_offset(11);
  EXPECT_EQ(rpcs_->Seek(request, &response).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  request.mutable_start()->set_offset(-1);
  EXPECT_EQ(rpcs_->Seek(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_start();
  const absl::Status status = rpc::FromGrpc(rpcs_->Seek(request, &response));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(status.GetPayload(kBadRequestUrl).has_value());
}

TEST_F(SubscriptionRpcsTest, NamesTheFieldThatIsWrong) {
  const absl::Status status = rpc::FromGrpc(Create("a b"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(status.GetPayload(kBadRequestUrl).has_value());
}

TEST_F(SubscriptionRpcsTest, ListsPageByPage) {
  for (int i = 100; i < 205; ++i) ASSERT_TRUE(Create(absl::StrCat("s", i)).ok());
  v1::ListSubscriptionsRequest request;
  int next = 100;
  int pages = 0;
  do {
    v1::ListSubscriptionsResponse response;
    request.set_page_size(35);
    ASSERT_TRUE(rpcs_->List(request, &response).ok());
    EXPECT_EQ(response.subscriptions_size(), 35);
    for (const auto& subscription : response.subscriptions()) {
      EXPECT_EQ(subscription.name(), absl::StrCat("s", next++));
    }
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  v1::ListSubscriptionsResponse response;
  request.set_page_token("junk");
  EXPECT_EQ(rpcs_->List(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_page_token();
  request.set_page_size(1001);
  EXPECT_EQ(rpcs_->List(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(SubscriptionRpcsTest, AcknowledgesAndDeletes) {
  ASSERT_TRUE(Create("cloud").ok());
  v1::AcknowledgeRequest acknowledge;
  acknowledge.set_subscription("cloud");
  acknowledge.set_journal_id(journal_->id());
  acknowledge.set_offset(4);
  v1::AcknowledgeResponse response;
  ASSERT_TRUE(rpcs_->Acknowledge(acknowledge, &response).ok());
  EXPECT_EQ(response.cursor(), 4);
  acknowledge.set_journal_id("another");
  EXPECT_EQ(rpcs_->Acknowledge(acknowledge, &response).error_code(),
            grpc::StatusCode::OUT_OF_RANGE);
  v1::DeleteSubscriptionRequest request;
  request.set_name("cloud");
  google::protobuf::Empty empty;
  EXPECT_TRUE(rpcs_->Delete(request, &empty).ok());
  EXPECT_EQ(rpcs_->Delete(request, &empty).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace sluice
