#include "tools/fleetsim/ledger.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace sluice::fleetsim {
namespace {

std::string TempPath(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(LedgerTest, WritesOneObjectALine) {
  const std::string path = TempPath("lines");
  {
    auto ledger = Ledger::Open(path).value();
    ledger->Sent({"sim-1", 0, 1'700'000}, 71, "21.5", false);
    ledger->Acknowledged({"sim-1", 0, 1'700'500}, "broker");
    ledger->Sent({"sim-1", 1, 1'701'000}, 72, "99", true);
    ledger->Refused({"sim-1", 1, 1'701'200}, "coap 4.04");
  }
  EXPECT_EQ(Read(path),
            R"({"event":"sent","device":"sim-1","seq":0,"tag":71,"value":21.5,"time_us":1700000}
{"event":"acknowledged","device":"sim-1","seq":0,"by":"broker","time_us":1700500}
{"event":"sent","device":"sim-1","seq":1,"tag":72,"value":99,"time_us":1701000,"anomaly":true}
{"event":"refused","device":"sim-1","seq":1,"why":"coap 4.04","time_us":1701200}
)");
}

TEST(LedgerTest, AppendsToWhatIsThere) {
  const std::string path = TempPath("append");
  Ledger::Open(path).value()->Acknowledged({"a", 1, 1}, "gateway");
  const std::string first = Read(path);
  Ledger::Open(path).value()->Acknowledged({"b", 2, 2}, "gateway");
  EXPECT_EQ(Read(path).substr(0, first.size()), first);
  EXPECT_GT(Read(path).size(), first.size());
}

TEST(LedgerTest, OldAndLargeBuffersReachTheFileBeforeTheEnd) {
  const std::string path = TempPath("early");
  auto ledger = Ledger::Open(path).value();
  ledger->Sent({"a", 0, 0}, 0, "1", false);
  ledger->FlushIfDue(50'000);
  EXPECT_EQ(Read(path), "");
  ledger->FlushIfDue(100'000);
  EXPECT_NE(Read(path), "");
  const size_t before = Read(path).size();
  for (int i = 0; i < 2000; ++i) ledger->Sent({"a", i, i}, i, "1", false);
  EXPECT_GT(Read(path).size(), before + 60'000);
}

TEST(LedgerTest, ErrorsAreTold) {
  EXPECT_FALSE(Ledger::Open(TempPath("no/such/dir/file")).ok());
  auto full = Ledger::Open("/dev/full").value();
  full->Sent({"a", 0, 0}, 0, "1", false);
  EXPECT_FALSE(full->Flush().ok());
  EXPECT_FALSE(full->Flush().ok()) << "stays told";
}

}  // namespace
}  // namespace sluice::fleetsim
