#include "libs/ring/producer_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "libs/ring/ring_producer.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

TEST(ProducerProbeTest, TellsWhetherSomebodyHasTheRing) {
  TempRing ring;
  EXPECT_FALSE(HasProducer(ring.path()).value());
  RingProducer producer;
  ASSERT_EQ(producer.Open(ring.Options()), RingError::kNone);
  EXPECT_TRUE(HasProducer(ring.path()).value());
  EXPECT_TRUE(HasProducer(ring.path()).value()) << "asking changes nothing";
  producer.Close();
  EXPECT_FALSE(HasProducer(ring.path()).value()) << "the ring stays there";
}

TEST(ProducerProbeTest, WhatCannotBeKnownIsNoAnswer) {
  EXPECT_FALSE(HasProducer("/dev/null/ring").ok());
}

TEST(ProducerProbeTest, TheLockIsOpenToWhoMayReadTheRing) {
  TempRing ring;
  RingProducer producer;
  ProducerOptions options = ring.Options();
  options.mode = 0660;
  const mode_t before = umask(077);
  ASSERT_EQ(producer.Open(options), RingError::kNone);
  umask(before);
  for (const char* suffix : {"", ".lock", ".reader.lock"}) {
    struct stat info;
    ASSERT_EQ(stat(ring.Beside(suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0660u) << suffix;
  }
}

TEST(ProducerProbeTest, AProducerDoesNotStumbleOverWhoAsks) {
  TempRing ring;
  { ASSERT_EQ(RingProducer().Open(ring.Options()), RingError::kNone); }
  // Asked again and again while it starts.
  std::atomic<bool> ended = false;
  std::thread asking([&] {
    while (!ended) HasProducer(ring.path()).IgnoreError();
  });
  for (int i = 0; i < 50; ++i) EXPECT_EQ(RingProducer().Open(ring.Options()), RingError::kNone);
  ended = true;
  asking.join();
}

}  // namespace
}  // namespace sluice::ring
