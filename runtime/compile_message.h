// Jobs and outcomes of compile_many as bytes, for the socket between a process and its workers.
#pragma once

#include <optional>
#include <vector>

#include "runtime/compile_many.h"

namespace bitloom::runtime {

struct WorkerJob {
  std::string program;  // the IR, with spans
  CompileOptions options;
  Cache::Options cache;
};

std::vector<std::byte> encode(const CompileJob& job, const Cache::Options& cache);
std::optional<WorkerJob> decode_job(std::span<const std::byte> bytes);

std::vector<std::byte> encode(const CompileOutcome& outcome);
std::optional<CompileOutcome> decode_outcome(std::span<const std::byte> bytes);

// A message is its length and its bytes. False at the end of the stream, or on an error.
bool send_message(int socket, std::span<const std::byte> bytes);
std::optional<std::vector<std::byte>> receive_message(int socket);

}  // namespace bitloom::runtime
