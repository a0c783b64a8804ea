#include "services/ingress/mqtt/routed_publisher.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sluice::ingress {
namespace {

class Outbox final : public Publisher {
 public:
  absl::Status Publish(Publication publication, std::function<void(absl::Status)>) override {
    topics.push_back(std::move(publication.topic));
    return absl::OkStatus();
  }
  std::vector<std::string> topics;
};

class RoutedPublisherTest : public ::testing::Test {
 protected:
  // The broker that a command for the device goes to.
  int BrokerOf(const std::string& device_id) {
    const std::string topic = "devices/" + device_id + "/commands";
    EXPECT_TRUE(publisher_.Publish({.topic = topic}, nullptr).ok());
    for (int i = 0; i < 2; ++i) {
      if (boxes_[i].topics.empty()) continue;
      EXPECT_EQ(boxes_[i].topics, std::vector<std::string>{topic});
      boxes_[i].topics.clear();
      return i;
    }
    return -1;
  }

  Outbox boxes_[2];
  RoutedPublisher publisher_{{&boxes_[0], &boxes_[1]}};
};

TEST_F(RoutedPublisherTest, GoesWhereTheDeviceWasHeardLast) {
  EXPECT_EQ(BrokerOf("a"), 0);
  publisher_.Heard("devices/a/telemetry", 1, false);
  EXPECT_EQ(BrokerOf("a"), 1);
  EXPECT_EQ(BrokerOf("b"), 0);
  publisher_.Heard("devices/a/status", 0, false);
  EXPECT_EQ(BrokerOf("a"), 0);
}

TEST_F(RoutedPublisherTest, WhatABrokerRetainedChangesNothingThatIsKnown) {
  publisher_.Heard("devices/a/status", 1, true);
  EXPECT_EQ(BrokerOf("a"), 1) << "better than nothing";
  publisher_.Heard("devices/a/telemetry", 0, false);
  publisher_.Heard("devices/a/status", 1, true);
  EXPECT_EQ(BrokerOf("a"), 0);
}

TEST_F(RoutedPublisherTest, IllegalIdsAreNotRemembered) {
  publisher_.Heard("devices/" + std::string(60'000, 'x') + "/telemetry", 1, false);
  publisher_.Heard("elsewhere/a/telemetry", 1, false);
  EXPECT_EQ(BrokerOf("a"), 0);
  EXPECT_EQ(BrokerOf(std::string(60'000, 'x')), 0);
}

TEST_F(RoutedPublisherTest, RemembersNoMoreThanItsMost) {
  for (size_t i = 0; i <= RoutedPublisher::kMaxRoutes; ++i) {
    publisher_.Heard("devices/" + std::to_string(i) + "/status", 1, false);
  }
  EXPECT_EQ(publisher_.dropped(), 1);
  EXPECT_EQ(BrokerOf(std::to_string(RoutedPublisher::kMaxRoutes)), 1) << "the newest is known";
}

}  // namespace
}  // namespace sluice::ingress
