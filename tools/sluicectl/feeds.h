#ifndef SLUICE_TOOLS_SLUICECTL_FEEDS_H_
#define SLUICE_TOOLS_SLUICECTL_FEEDS_H_

#include <memory>
#include <string>
#include <vector>

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

// The telemetry of ingress, the insights of analytics. Each stream after the first looks for its
// service anew (a service that was restarted may have another address) and connects anew. What
// `session` points to must outlive the feed.
std::unique_ptr<Feed> MakeTelemetryFeed(const Session& session, Endpoint ingress,
                                        FeedFilter filter);
std::unique_ptr<Feed> MakeInsightFeed(const Session& session, Endpoint analytics,
                                      FeedFilter filter);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_FEEDS_H_
