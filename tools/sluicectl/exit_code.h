#ifndef SLUICE_TOOLS_SLUICECTL_EXIT_CODE_H_
#define SLUICE_TOOLS_SLUICECTL_EXIT_CODE_H_

namespace sluice::sluicectl {

// How sluicectl ends. Scripts depend on these numbers; `sluicectl --help` lists them.
enum ExitCode {
  kExitOk = 0,
  // The service answered with an error, or what it answered could not be written.
  kExitRefused = 1,
  // The command line, or a file named on it, is wrong.
  kExitUsage = 2,
  // No answer: the service is away, or the time was over.
  kExitUnreachable = 3,
  // A command to a device ended FAILED or CANCELLED, or had no answer when the wait was over.
  kExitCommandFailed = 4,
  // Plus the signal's number: a tail that was stopped (130 after Ctrl-C).
  kExitSignal = 128,
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_EXIT_CODE_H_
