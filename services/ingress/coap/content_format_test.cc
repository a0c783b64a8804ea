#include "services/ingress/coap/content_format.h"

#include <gtest/gtest.h>

namespace sluice::ingress {
namespace {

TEST(MediaTypeTest, NamesEveryNumber) {
  EXPECT_EQ(MediaType({}), "");
  EXPECT_EQ(MediaType(0), "text/plain");
  EXPECT_EQ(MediaType(50), "application/json");
  EXPECT_EQ(MediaType(60), "application/cbor");
  EXPECT_EQ(MediaType(65535), "application/x-coap-content-format-65535");
}

}  // namespace
}  // namespace sluice::ingress
