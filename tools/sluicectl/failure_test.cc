#include "tools/sluicectl/failure.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "libs/status/field_violation.h"

namespace sluice::sluicectl {
namespace {

class FailureTest : public ::testing::Test {
 protected:
  FailureTest() { console_.err = &err_; }

  std::ostringstream err_;
  Console console_;
};

TEST_F(FailureTest, NamesCommandCodeAndReason) {
  EXPECT_EQ(ReportServiceError(console_, "devices get", absl::NotFoundError("no device 'x'")),
            kExitRefused);
  EXPECT_EQ(err_.str(), "sluicectl: devices get: NOT_FOUND: no device 'x'\n");
}

TEST_F(FailureTest, TellsUnreachableFromRefused) {
  EXPECT_EQ(ReportServiceError(console_, "status", absl::UnavailableError("")), kExitUnreachable);
  EXPECT_EQ(ReportServiceError(console_, "status", absl::DeadlineExceededError("")),
            kExitUnreachable);
  EXPECT_EQ(ReportServiceError(console_, "status", absl::AbortedError("")), kExitRefused);
}

TEST_F(FailureTest, ListsViolationsThatTheMessageDoesNotTell) {
  absl::Status status = InvalidField("device.id", "must not be empty");
  ReportServiceError(console_, "c", status);
  EXPECT_EQ(err_.str(), "sluicectl: c: INVALID_ARGUMENT: device.id: must not be empty\n");

  err_.str("");
  google::rpc::BadRequest details;
  for (const char* field : {"a", "b\x1b"}) {
    details.add_field_violations()->set_field(field);
    details.mutable_field_violations()->rbegin()->set_description("is wrong");
  }
  status = absl::InvalidArgumentError("two things");
  status.SetPayload(kBadRequestUrl, absl::Cord(details.SerializeAsString()));
  ReportServiceError(console_, "c", status);
  EXPECT_EQ(err_.str(),
            "sluicectl: c: INVALID_ARGUMENT: two things\n  a: is wrong\n  b\\x1b: is wrong\n");
}

TEST_F(FailureTest, DisarmsWhatTheServiceSays) {
  ReportServiceError(console_, "c", absl::InternalError("\x1b[2J\n"));
  EXPECT_EQ(err_.str(), "sluicectl: c: INTERNAL: \\x1b[2J\\n\n");
}

TEST_F(FailureTest, UsageErrorsPointToHelp) {
  EXPECT_EQ(ReportUsageError(console_, "devices create", absl::InvalidArgumentError("no type")),
            kExitUsage);
  EXPECT_EQ(err_.str(),
            "sluicectl: devices create: no type\nTry: sluicectl devices create --help\n");
}

TEST(CodeNameTest, KnowsEveryCode) {
  EXPECT_EQ(CodeName(0), "OK");
  EXPECT_EQ(CodeName(9), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(99), "code 99");
}

}  // namespace
}  // namespace sluice::sluicectl
