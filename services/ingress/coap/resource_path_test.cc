#include "services/ingress/coap/resource_path.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::ingress {
namespace {

using Kind = CoapResource::Kind;
using Segments = std::vector<absl::string_view>;

Kind KindOf(const Segments& segments) { return ParseResourcePath(segments).kind; }

TEST(ResourcePathTest, FindsEveryResourceAndItsIds) {
  EXPECT_EQ(KindOf({".well-known", "core"}), Kind::kWellKnownCore);
  const CoapResource telemetry = ParseResourcePath(Segments{"devices", "pump-7", "telemetry"});
  EXPECT_EQ(telemetry.kind, Kind::kTelemetry);
  EXPECT_EQ(telemetry.device_id, "pump-7");
  const CoapResource status = ParseResourcePath(Segments{"devices", "a/b", "status"});
  EXPECT_EQ(status.kind, Kind::kStatus);
  EXPECT_EQ(status.device_id, "a/b");
  const CoapResource response =
      ParseResourcePath(Segments{"devices", "pump-7", "commands", "c-1", "response"});
  EXPECT_EQ(response.kind, Kind::kCommandResponse);
  EXPECT_EQ(response.device_id, "pump-7");
  EXPECT_EQ(response.command_id, "c-1");
}

TEST(ResourcePathTest, LeavesIllegalIdsToTheIntake) {
  EXPECT_EQ(KindOf({"devices", "", "telemetry"}), Kind::kTelemetry);
  EXPECT_EQ(KindOf({"devices", "..", "telemetry"}), Kind::kTelemetry);
  EXPECT_EQ(KindOf({"devices", "x", "commands", "", "response"}), Kind::kCommandResponse);
}

TEST(ResourcePathTest, KnowsNothingElse) {
  for (const Segments& segments :
       std::vector<Segments>{{},
                             {""},
                             {"devices"},
                             {"devices", "x"},
                             {"Devices", "x", "telemetry"},
                             {"devices", "x", "telemetry", ""},
                             {"devices", "x", "commands"},
                             {"devices", "x", "commands", "c"},
                             {"devices", "x", "commands", "c", "result"},
                             {"devices", "x", "commands", "c", "response", "y"},
                             {".well-known"},
                             {".well-known", "core", ""},
                             {"telemetry"}}) {
    EXPECT_EQ(KindOf(segments), Kind::kUnknown) << FormatPath(segments);
  }
}

TEST(ResourcePathTest, AllowsOneMethodEach) {
  const CoapResource listing = ParseResourcePath(Segments{".well-known", "core"});
  EXPECT_TRUE(listing.Allows(CoapMethod::kGet));
  EXPECT_FALSE(listing.Allows(CoapMethod::kPost));
  const CoapResource telemetry = ParseResourcePath(Segments{"devices", "x", "telemetry"});
  EXPECT_TRUE(telemetry.Allows(CoapMethod::kPost));
  for (const CoapMethod method : {CoapMethod::kGet, CoapMethod::kPut, CoapMethod::kDelete,
                                  static_cast<CoapMethod>(5), static_cast<CoapMethod>(7)}) {
    EXPECT_FALSE(telemetry.Allows(method));
  }
}

TEST(FormatPathTest, NoTwoPathsLookTheSame) {
  EXPECT_EQ(FormatPath(Segments{}), "/");
  EXPECT_EQ(FormatPath(Segments{"devices", "pump-7", "telemetry"}), "/devices/pump-7/telemetry");
  EXPECT_EQ(FormatPath(Segments{"a/b", "c"}), "/a%2fb/c");
  EXPECT_EQ(FormatPath(Segments{"%2f"}), "/%252f");
  EXPECT_EQ(FormatPath(Segments{absl::string_view("\0\xff", 2)}), "/%00%ff");
  EXPECT_EQ(FormatPath(Segments{"", ""}), "//");
}

TEST(ResourceListingTest, IsShortAndNamesEveryResource) {
  const std::string listing(ResourceListing());
  EXPECT_LT(listing.size(), 1024u);
  for (const char* type : {"sluice.telemetry", "sluice.status", "sluice.command-response"}) {
    EXPECT_NE(listing.find("rt=\"" + std::string(type) + "\""), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::ingress
