#include "services/analytics/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/match.h"

namespace sluice::analytics {
namespace {

using config::v1::AnalyticsConfig;

TEST(AnalyticsConfigTest, DefaultsAreLegal) {
  EXPECT_TRUE(ValidateConfig(DefaultConfig()).ok()) << ValidateConfig(DefaultConfig());
}

TEST(AnalyticsConfigTest, LimitsThemselvesAreLegal) {
  AnalyticsConfig config = DefaultConfig();
  config.mutable_detector()->set_window_size_samples(2);
  config.mutable_detector()->set_warm_up_samples(2);
  config.mutable_journal()->set_max_bytes(1 << 20);
  config.mutable_journal()->set_hard_max_bytes(1 << 20);
  config.mutable_journal()->set_segment_bytes(1 << 18);
  config.mutable_metrics()->clear_listen();
  config.mutable_checkpoint_interval()->set_seconds(3600);
  config.mutable_grpc()->set_listen("[::1]:0");
  config.set_max_series(1'000'000);
  EXPECT_TRUE(ValidateConfig(config).ok()) << ValidateConfig(config);
}

struct Wrong {
  std::string field;
  std::function<void(AnalyticsConfig*)> spoil;
};

TEST(AnalyticsConfigTest, NamesWhatIsOutOfItsRange) {
  const Wrong wrongs[] = {
      {"data_dir", [](auto* c) { c->clear_data_dir(); }},
      {"log.level", [](auto* c) { c->mutable_log()->set_level("loud"); }},
      {"log.format", [](auto* c) { c->mutable_log()->set_format("xml"); }},
      {"grpc.listen", [](auto* c) { c->mutable_grpc()->set_listen("0.0.0.0:7103"); }},
      {"grpc.listen", [](auto* c) { c->mutable_grpc()->set_listen("7103"); }},
      {"grpc.max_streams", [](auto* c) { c->mutable_grpc()->set_max_streams(0); }},
      {"grpc.max_streams", [](auto* c) { c->mutable_grpc()->set_max_streams(1001); }},
      {"grpc.max_message_bytes", [](auto* c) { c->mutable_grpc()->set_max_message_bytes(65535); }},
      {"metrics.listen", [](auto* c) { c->mutable_metrics()->set_listen("10.0.0.1:1"); }},
      {"ingress.address", [](auto* c) { c->mutable_ingress()->set_address("localhost"); }},
      {"ingress.address", [](auto* c) { c->mutable_ingress()->set_address("h:0"); }},
      {"ingress.address", [](auto* c) { c->clear_ingress(); }},
      {"journal.max_bytes", [](auto* c) { c->mutable_journal()->set_max_bytes(1000); }},
      {"journal.hard_max_bytes",
       [](auto* c) { c->mutable_journal()->set_hard_max_bytes(1 << 20); }},
      {"journal.segment_bytes", [](auto* c) { c->mutable_journal()->set_segment_bytes(1); }},
      {"journal.segment_bytes", [](auto* c) { c->mutable_journal()->set_segment_bytes(64 << 20); }},
      {"journal.sync_interval",
       [](auto* c) { c->mutable_journal()->mutable_sync_interval()->set_seconds(11); }},
      {"journal.sync_interval",
       [](auto* c) { c->mutable_journal()->mutable_sync_interval()->set_nanos(-1); }},
      {"detector.window_size_samples",
       [](auto* c) { c->mutable_detector()->set_window_size_samples(1); }},
      {"detector.window_size_samples",
       [](auto* c) { c->mutable_detector()->set_window_size_samples(100'001); }},
      {"detector.threshold", [](auto* c) { c->mutable_detector()->set_threshold(0); }},
      {"detector.threshold", [](auto* c) { c->mutable_detector()->set_threshold(std::nan("")); }},
      {"detector.threshold",
       [](auto* c) {
         c->mutable_detector()->set_threshold(std::numeric_limits<double>::infinity());
       }},
      {"detector.warm_up_samples", [](auto* c) { c->mutable_detector()->set_warm_up_samples(1); }},
      {"detector.warm_up_samples",
       [](auto* c) { c->mutable_detector()->set_warm_up_samples(101); }},
      {"max_series", [](auto* c) { c->set_max_series(0); }},
      {"max_series", [](auto* c) { c->set_max_series(1'000'001); }},
      {"checkpoint_interval", [](auto* c) { c->clear_checkpoint_interval(); }},
      {"checkpoint_interval", [](auto* c) { c->mutable_checkpoint_interval()->set_seconds(3601); }},
      {"max_subscriptions", [](auto* c) { c->set_max_subscriptions(0); }},
      {"max_subscriptions", [](auto* c) { c->set_max_subscriptions(10'001); }},
  };
  for (const Wrong& wrong : wrongs) {
    AnalyticsConfig config = DefaultConfig();
    wrong.spoil(&config);
    const absl::Status status = ValidateConfig(config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong.field;
    EXPECT_TRUE(absl::StartsWith(status.message(), wrong.field + ": ")) << status;
  }
}

}  // namespace
}  // namespace sluice::analytics
