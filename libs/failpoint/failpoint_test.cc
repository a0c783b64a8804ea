#include "libs/failpoint/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace sluice::failpoint {
namespace {

TEST(FailpointTest, NothingHappensUnlessItIsArmed) {
  ASSERT_TRUE(ArmFromEnvironment().ok());
  Reach(Point::kAppend);
  ASSERT_TRUE(Arm("journal.sync:1:kill").ok());
  Reach(Point::kAppend);
  ASSERT_TRUE(Arm("").ok());
}

TEST(FailpointTest, KillsAtTheTimeThatIsNamed) {
  ASSERT_TRUE(Arm("journal.append:3:kill,ring.tail_moved:1:kill").ok());
  Reach(Point::kAppend);
  Reach(Point::kAppend);
  EXPECT_EXIT(Reach(Point::kAppend), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(Reach(Point::kTailMoved), ::testing::KilledBySignal(SIGKILL), "");
}

TEST(FailpointTest, StopsTheProcessOnce) {
  ASSERT_TRUE(Arm("stream.send:1:stop").ok());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Reach(Point::kSend);
    Reach(Point::kSend);
    _exit(7);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  EXPECT_TRUE(WIFSTOPPED(status));
  kill(child, SIGCONT);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(FailpointTest, SaysWhatIsWrongWithAList) {
  EXPECT_EQ(Arm("journal.append:1").message(), "'journal.append:1' is not NAME:NTH:ACTION");
  EXPECT_EQ(Arm("journal.apend:1:kill").message(), "there is no failpoint 'journal.apend'");
  EXPECT_EQ(Arm("journal.append:0:kill").message(), "'0' must be 1 or more");
  EXPECT_EQ(Arm("journal.append:1:explode").message(), "'explode' is not kill, stop or sleep");
  setenv("SLUICE_FAILPOINTS", "x", 1);
  EXPECT_EQ(ArmFromEnvironment().message(), "SLUICE_FAILPOINTS: 'x' is not NAME:NTH:ACTION");
  unsetenv("SLUICE_FAILPOINTS");
}

}  // namespace
}  // namespace sluice::failpoint
