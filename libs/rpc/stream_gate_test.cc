#include "libs/rpc/stream_gate.h"

#include <gtest/gtest.h>

#include "absl/types/optional.h"

namespace sluice::rpc {
namespace {

TEST(StreamGateTest, BoundsTheOpenStreamsAndTakesTheirPlacesBack) {
  StreamGate gate(2);
  auto first = gate.Enter();
  ASSERT_TRUE(first.ok());
  {
    auto second = gate.Enter();
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(gate.open(), 2);
    EXPECT_EQ(gate.Enter().status().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(gate.open(), 1);
  EXPECT_TRUE(gate.Enter().ok());
}

TEST(StreamGateTest, LetsNobodyInAfterStop) {
  StreamGate gate(2);
  auto open = gate.Enter();
  EXPECT_FALSE(gate.stopping());
  gate.Stop();
  EXPECT_TRUE(gate.stopping());
  EXPECT_EQ(gate.Enter().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(gate.open(), 1);
}

}  // namespace
}  // namespace sluice::rpc
