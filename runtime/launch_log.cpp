#include "runtime/launch_log.h"

#include <algorithm>

#include "runtime/launch_plan.h"

namespace bitloom::runtime {

void LaunchLog::add(const std::shared_ptr<const LaunchPlan>& plan, cuda::CUstream stream,
                    const std::array<unsigned, 3>& grid, const std::uint64_t* words,
                    std::size_t count) {
  const std::scoped_lock lock(mutex_);
  LaunchRecord& record = records_[next_++ % kRecords];
  record.plan = plan;
  record.stream = stream;
  record.grid = grid;
  std::copy_n(words, std::min(count, LaunchRecord::kWords), record.words.begin());
}

void LaunchLog::done(cuda::CUstream stream) {
  const std::scoped_lock lock(mutex_);
  for (LaunchRecord& record : records_) {
    if (record.stream == stream) record.plan = nullptr;
  }
}

void LaunchLog::all_done() {
  const std::scoped_lock lock(mutex_);
  for (LaunchRecord& record : records_) record.plan = nullptr;
}

std::vector<std::string> LaunchLog::describe() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> result;
  for (std::size_t back = 1; back <= kRecords; ++back) {
    const LaunchRecord& record = records_[(next_ + kRecords * 2 - back) % kRecords];
    if (record.plan) result.push_back(record.plan->describe(record));
  }
  return result;
}

}  // namespace bitloom::runtime
