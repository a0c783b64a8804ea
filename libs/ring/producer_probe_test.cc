#include "libs/ring/producer_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <thread>

#include "libs/ring/ring_producer.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

TEST(ProducerProbeTest, TellsWhetherSomebodyHasTheRing) {
  TempRing ring;
  EXPECT_FALSE(HasProducer(ring.path()));
  RingProducer producer;
  ASSERT_EQ(producer.Open(ring.Options()), RingError::kNone);
  EXPECT_TRUE(HasProducer(ring.path()));
  EXPECT_TRUE(HasProducer(ring.path())) << "asking changes nothing";
  producer.Close();
  EXPECT_FALSE(HasProducer(ring.path())) << "the ring stays there";
}

TEST(ProducerProbeTest, AProducerDoesNotStumbleOverWhoAsks) {
  TempRing ring;
  { ASSERT_EQ(RingProducer().Open(ring.Options()), RingError::kNone); }
  const int asking = open(ring.Beside(".lock").c_str(), O_RDWR);
  ASSERT_EQ(flock(asking, LOCK_SH | LOCK_NB), 0);
  RingProducer producer;
  std::thread answered([&] { close(asking); });
  EXPECT_EQ(producer.Open(ring.Options()), RingError::kNone);
  answered.join();
}

}  // namespace
}  // namespace sluice::ring
