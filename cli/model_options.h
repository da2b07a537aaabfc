// What the commands on models share: the engine, and the model on it.
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "stack/model/model.h"
#include "stack/quantize/quantize.h"
#include "stack/text/tokenizer.h"

namespace bitloom::cli {

struct ModelOptions {
  std::string folder, engine = "interpreter", compute = "f32", kernels;
  int device = 0;
  bool checks = false;
};

void declare_model_options(CLI::App& command, ModelOptions& options);

// Which positions attend to which while a prompt is read: a pattern for all heads, or the file of
// `bitloom patterns` with one for each (stack/model/attention_pattern.h).
struct AttentionOptions {
  std::string pattern = "dense", file;
};
void declare_attention_options(CLI::App& command, AttentionOptions& options);
// BL0643 for what is none, or does not go with the model.
runtime::Result<stack::AttentionPatterns> attention_patterns(const AttentionOptions& options,
                                                             const stack::ModelConfig& config);

// The engine that was asked for, ready.
runtime::Result<std::unique_ptr<stack::Executor>> make_executor(const ModelOptions& options,
                                                                const Context& context);

// A checkpoint's tokenizer and its model on an engine.
struct LoadedModel {
  std::unique_ptr<stack::Executor> executor;
  stack::Tokenizer tokenizer;
  stack::Model model;
};
runtime::Result<LoadedModel> load_model(const ModelOptions& options, const Context& context);

// How large the inputs of each layer are on a calibration text; none when `text` is empty.
runtime::Result<stack::InputScales> calibrate(const std::string& folder, const std::string& text,
                                              const stack::Checkpoint& checkpoint,
                                              stack::Executor& executor);

// Reports what a command failed with, and sets the exit code.
void finish(const runtime::Result<void>& result, Context& context);

}  // namespace bitloom::cli
