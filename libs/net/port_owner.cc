#include "libs/net/port_owner.h"

#include <dirent.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice {
namespace {

// Inodes of the sockets bound to the port; for TCP only those that listen.
std::set<std::string> SocketInodes(int port, Transport transport) {
  std::set<std::string> inodes;
  const std::string table = transport == Transport::kTcp ? "/proc/net/tcp" : "/proc/net/udp";
  constexpr char kListening[] = "0A";
  for (const char* family : {"", "6"}) {
    std::ifstream file(table + family);
    std::string line;
    std::getline(file, line);  // headings
    while (std::getline(file, line)) {
      // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
      const std::vector<std::string> columns = absl::StrSplit(line, ' ', absl::SkipEmpty());
      if (columns.size() < 10) continue;
      const std::vector<std::string> local = absl::StrSplit(columns[1], ':');
      int bound;
      if (local.size() != 2 || !absl::SimpleHexAtoi(local[1], &bound) || bound != port) continue;
      if (transport == Transport::kTcp && columns[3] != kListening) continue;
      inodes.insert(columns[9]);
    }
  }
  return inodes;
}

std::vector<std::string> Entries(const std::string& directory) {
  std::vector<std::string> names;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream)) names.emplace_back(entry->d_name);
  closedir(stream);
  return names;
}

bool HoldsOneOf(const std::string& pid, const std::set<std::string>& inodes) {
  const std::string directory = absl::StrCat("/proc/", pid, "/fd");
  for (const std::string& fd : Entries(directory)) {
    char target[64];
    const ssize_t size = readlink(absl::StrCat(directory, "/", fd).c_str(), target, sizeof(target));
    if (size <= 0) continue;
    absl::string_view link(target, static_cast<size_t>(size));
    if (absl::ConsumePrefix(&link, "socket:[") && absl::ConsumeSuffix(&link, "]") &&
        inodes.count(std::string(link)) > 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string PortOwner(int port, Transport transport) {
  const std::set<std::string> inodes = SocketInodes(port, transport);
  if (inodes.empty()) return "";
  for (const std::string& pid : Entries("/proc")) {
    int number;
    if (!absl::SimpleAtoi(pid, &number) || !HoldsOneOf(pid, inodes)) continue;
    std::ifstream file(absl::StrCat("/proc/", pid, "/comm"));
    std::string name;
    std::getline(file, name);
    return absl::StrCat(name, " (pid ", pid, ")");
  }
  return "";
}

}  // namespace sluice
