// What the thread sanitizer is not to report. It asks for it when a process starts.

extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
  // A waiter of Abseil's may be gone already when it is woken; its semaphore stays.
  return "race:synchronization_internal::Waiter::Post\n";
}
