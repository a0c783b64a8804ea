// Runs a fuzz target without a fuzzer: over its seed corpus, and over random inputs. In a process
// of its own, since what is found ends it.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

namespace sluice {
namespace {

constexpr int kRandomInputs = 2000;
constexpr size_t kMaxRandomBytes = 250;
// For all inputs of one test: some seconds, and ten times that with sanitizers on a busy machine.
constexpr unsigned kPatienceS = 200;

struct Input {
  std::string name;
  std::string bytes;
};

// As it is pasted into printf(1).
std::string Escaped(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    char escaped[5];
    snprintf(escaped, sizeof(escaped), "\\x%02x", byte);
    text += escaped;
  }
  return text;
}

class ReplayTest : public testing::Test {
 protected:
  // Temporary files lie in memory: targets make many.
  ReplayTest() {
    char pattern[] = "/dev/shm/replayXXXXXX";
    if (mkdtemp(pattern) == nullptr) return;
    dir_ = pattern;
    setenv("TEST_TMPDIR", pattern, 1);
  }
  ~ReplayTest() override {
    std::error_code ignored;
    if (!dir_.empty()) std::filesystem::remove_all(dir_, ignored);
  }

  void Run(const std::vector<Input>& inputs) {
    void* const shared = mmap(nullptr, sizeof(std::atomic<size_t>), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    auto* const current = new (shared) std::atomic<size_t>(0);
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      alarm(kPatienceS);
      for (const Input& input : inputs) {
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.bytes.data()),
                               input.bytes.size());
        ++*current;
      }
      // So that leaks are looked for.
      exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (status == 0) return;
    ASSERT_LT(*current, inputs.size());
    const Input& input = inputs[*current];
    FAIL() << input.name << ": "
           << (WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "ended the process")
           << "; again by printf '" << Escaped(input.bytes) << "' into a file of the corpus";
  }

 private:
  std::string dir_;
};

TEST_F(ReplayTest, SeedCorpus) {
  std::vector<Input> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(SEED_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    inputs.push_back(
        {entry.path().string(), std::string(std::istreambuf_iterator<char>(file), {})});
  }
  ASSERT_FALSE(inputs.empty());
  Run(inputs);
}

TEST_F(ReplayTest, RandomInputs) {
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  std::vector<Input> inputs;
  for (int i = 0; i < kRandomInputs; ++i) {
    std::string bytes(random() % (kMaxRandomBytes + 1), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    inputs.push_back({"seed " + std::to_string(seed) + ", input " + std::to_string(i), bytes});
  }
  Run(inputs);
}

}  // namespace
}  // namespace sluice
