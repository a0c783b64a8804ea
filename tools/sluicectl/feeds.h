#ifndef SLUICE_TOOLS_SLUICECTL_FEEDS_H_
#define SLUICE_TOOLS_SLUICECTL_FEEDS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/sluicectl/feed.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// What a feed asks its service for.
struct FeedFilter {
  // Empty: streams without a name.
  std::string subscription;
  // Empty: all.
  std::vector<std::string> devices;
  // Empty: all.
  std::vector<std::string> metrics;
};

// The telemetry of ingress, the insights of analytics. Times are shown in `zone`.
std::unique_ptr<Feed> MakeTelemetryFeed(Endpoint ingress, FeedFilter filter, absl::TimeZone zone);
std::unique_ptr<Feed> MakeInsightFeed(Endpoint analytics, FeedFilter filter, absl::TimeZone zone);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_FEEDS_H_
