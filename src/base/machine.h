#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace jielong {

/// One level of the processor's caches.
struct CacheInfo {
  int level = 0;
  std::string type;         ///< "Data", "Instruction" or "Unified"
  std::uint64_t bytes = 0;  ///< of one instance
  int shared_by = 0;        ///< logical processors that share an instance
};

/// What the machine offers this process. Unknown numbers are 0.
struct Machine {
  std::string processor;              ///< the model's name
  int logical_processors = 0;         ///< this process may run on
  int physical_cores = 0;             ///< of those
  double cpu_quota = 0;               ///< processors a control group allows; 0: unlimited
  std::uint64_t memory_bytes = 0;     ///< total, or what a control group allows
  std::uint64_t available_bytes = 0;  ///< without swapping
  std::vector<CacheInfo> caches;
};

/// Reads /proc and /sys; never throws for what is missing there.
Machine inspect_machine();

/// The number of threads to start with: one for each physical core, at most the quota.
int default_threads();

}  // namespace jielong
