#ifndef SLUICE_TOOLS_SLUICECTL_TESTING_SUBPROCESS_H_
#define SLUICE_TOOLS_SLUICECTL_TESTING_SUBPROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::sluicectl {

// A program that a test runs, with its input and outputs on pipes. Killed when this goes away. One
// thread.
class Subprocess {
 public:
  // Starts `argv[0]`, a path. Its input is `input`, at most 64 KiB, then the end.
  explicit Subprocess(std::vector<std::string> argv, absl::string_view input = "");
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  // Reads until stdout (stderr) holds `text`; false if that does not come to pass within a minute
  // or before the end.
  bool WaitForOut(absl::string_view text) { return ReadUntil(out_, text); }
  bool WaitForErr(absl::string_view text) { return ReadUntil(err_, text); }

  void Signal(int signal);

  // Closes our end of its stdout.
  void CloseOut();

  // Reads to the end and returns the exit code, or minus the signal that ended it.
  int Wait();

  // What it has written so far, as far as it was waited for.
  const std::string& out() const { return out_.text; }
  const std::string& err() const { return err_.text; }

 private:
  struct Output {
    int fd = -1;
    std::string text;
  };

  // Reads what comes next on either output; false: both have ended, or nothing came for a minute.
  bool ReadMore();
  bool ReadUntil(const Output& output, absl::string_view text);

  pid_t pid_ = -1;
  Output out_;
  Output err_;
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_TESTING_SUBPROCESS_H_
