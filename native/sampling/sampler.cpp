#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sampling/philox.h"

namespace etap {

namespace {

constexpr float kNegativeInfinity = -std::numeric_limits<float>::infinity();

struct ByRank {
  template <typename T>
  bool operator()(const T& a, const T& b) const {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  }
};

bool changes_logits(const SampleRequest& request) {
  const SamplingParams& params = *request.params;
  return params.has_penalties() || !params.logit_bias.empty() || params.restricted ||
         request.mask != nullptr || !request.suppressed.empty();
}

}  // namespace

SampleResult Sampler::sample(const SampleRequest& request, const LogProbsOut& log_probs) {
  scan_ = scan_row(request.logits, block_max_);
  if (!scan_.finite) return {};
  const RowScan raw_scan = scan_;
  const std::int32_t token = choose(request);
  if (token < 0) return {};
  const std::int32_t top_count = request.params->top_logprobs;
  if (top_count >= 0) {
    if (changes_logits(request)) scan_row(request.logits, block_max_);
    log_probs_.compute(request.logits, raw_scan, block_max_, token, top_count, log_probs);
  }
  return {token, true};
}

bool Sampler::score(std::span<const float> logits, std::int32_t token, std::int32_t top_count,
                    const LogProbsOut& log_probs) {
  scan_ = scan_row(logits, block_max_);
  if (!scan_.finite) return false;
  log_probs_.compute(logits, scan_, block_max_, token, top_count, log_probs);
  return true;
}

std::int32_t Sampler::choose(const SampleRequest& request) {
  row_ = changes_logits(request) ? adjust(request) : request.logits;
  // -infinity: nothing is allowed. +infinity: a penalty or bias overflowed.
  if (!std::isfinite(scan_.max)) return -1;
  const SamplingParams& params = *request.params;
  if (params.temperature < kGreedyTemperature) {
    const std::size_t block = find_first(block_max_, scan_.max);
    const std::size_t begin = block * kScanBlock;
    return static_cast<std::int32_t>(begin + find_first(row_.subspan(begin), scan_.max));
  }
  ids_.clear();
  if (params.top_k > 0 && static_cast<std::size_t>(params.top_k) < row_.size()) {
    keep_top_k(static_cast<std::size_t>(params.top_k));
  }
  const std::span<const float> logits = ids_.empty() ? row_ : std::span<const float>(logits_);
  weights_.resize(logits.size());
  exp_row(logits, scan_.max, static_cast<float>(1.0 / params.temperature), weights_);
  if (params.top_p < 1.0) keep_top_p(params.top_p);
  if (params.min_p > 0.0) keep_min_p(params.min_p);
  const double draw = uniform_draw(params.seed, request.position);
  const std::size_t index = pick_from_row(weights_, draw * sum_row(weights_));
  return ids_.empty() ? static_cast<std::int32_t>(index) : ids_[index];
}

std::span<const float> Sampler::adjust(const SampleRequest& request) {
  const SamplingParams& params = *request.params;
  adjusted_.assign(request.logits.begin(), request.logits.end());
  if (params.has_penalties()) request.history->apply_penalties(params, adjusted_);
  for (const LogitBias& bias : params.logit_bias) {
    adjusted_[static_cast<std::size_t>(bias.token)] += bias.bias;
  }
  restrict_to_allowed(request);
  suppress(request.suppressed);
  return adjusted_;
}

void Sampler::restrict_to_allowed(const SampleRequest& request) {
  const SamplingParams& params = *request.params;
  if (params.restricted) {
    saved_.clear();
    for (const std::int32_t token : params.allowed_tokens) {
      saved_.push_back(adjusted_[static_cast<std::size_t>(token)]);
    }
    std::fill(adjusted_.begin(), adjusted_.end(), kNegativeInfinity);
    for (std::size_t i = 0; i < saved_.size(); ++i) {
      adjusted_[static_cast<std::size_t>(params.allowed_tokens[i])] = saved_[i];
    }
  }
  if (request.mask != nullptr) {
    for (std::size_t i = 0; i < adjusted_.size(); ++i) {
      const bool allowed = (request.mask[i / 32] >> (i % 32) & 1u) != 0;
      adjusted_[i] = allowed ? adjusted_[i] : kNegativeInfinity;
    }
  }
}

// A grammar may come to its end before min_tokens: then the stop tokens are all that is left.
void Sampler::suppress(std::span<const std::int32_t> tokens) {
  saved_.clear();
  for (const std::int32_t token : tokens) {
    float& logit = adjusted_[static_cast<std::size_t>(token)];
    saved_.push_back(logit);
    logit = kNegativeInfinity;
  }
  scan_ = scan_row(adjusted_, block_max_);
  if (tokens.empty() || scan_.max != kNegativeInfinity) return;
  for (std::size_t i = tokens.size(); i-- > 0;) {
    adjusted_[static_cast<std::size_t>(tokens[i])] = saved_[i];
  }
  scan_ = scan_row(adjusted_, block_max_);
}

void Sampler::keep_top_k(std::size_t count) {
  const float bound = lower_bound_of_best(block_max_, count, bounds_);
  ranked_.clear();
  for (std::size_t block = 0; block < block_max_.size(); ++block) {
    if (block_max_[block] < bound) continue;
    const std::size_t end = std::min((block + 1) * kScanBlock, row_.size());
    for (std::size_t i = block * kScanBlock; i < end; ++i) {
      if (row_[i] >= bound) ranked_.push_back({row_[i], static_cast<std::int32_t>(i), 0.0F});
    }
  }
  ids_.clear();
  logits_.clear();
  for (const Ranked& token : ranked_) {
    ids_.push_back(token.id);
    logits_.push_back(token.logit);
  }
  const auto last = ranked_.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(ranked_.begin(), last, ranked_.end(), ByRank());
  weights_.assign(ids_.size(), 0.0F);
  cut_below(*last);
}

// The smallest set of best tokens whose share of the whole reaches `mass`, found by halving: no
// sort of the vocabulary, and of nothing but the tokens that can be in the set.
void Sampler::keep_top_p(double mass) {
  const double total = sum_row(weights_);
  // Tokens lighter than this weigh less than 1 - mass together.
  const auto lightest =
      static_cast<float>((1.0 - mass) * total / static_cast<double>(weights_.size()));
  keep_if([&](std::size_t i) { return weights_[i] >= lightest; });
  ranked_.clear();
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    ranked_.push_back({logits_[i], ids_[i], weights_[i]});
  }
  const double target = mass * total;
  double before = 0.0;
  auto begin = ranked_.begin();
  auto end = ranked_.end();
  while (end - begin > 1) {
    const auto middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end, ByRank());
    double half = 0.0;
    for (auto token = begin; token != middle; ++token) half += static_cast<double>(token->weight);
    if (before + half >= target) {
      end = middle;
    } else {
      before += half;
      begin = middle;
    }
  }
  cut_below(*begin);
}

void Sampler::keep_min_p(double share) {
  // The best token's weight is exp(0) = 1.
  keep_if([&](std::size_t i) { return static_cast<double>(weights_[i]) >= share; });
}

void Sampler::cut_below(const Ranked& last) {
  const Ranked cut = last;
  keep_if([&](std::size_t i) {
    return logits_[i] > cut.logit || (logits_[i] == cut.logit && ids_[i] <= cut.id);
  });
}

template <typename Keep>
void Sampler::keep_if(const Keep& keep) {
  if (ids_.empty()) {
    logits_.clear();
    std::size_t count = 0;
    for (std::size_t i = 0; i < row_.size(); ++i) {
      if (!keep(i)) continue;
      ids_.push_back(static_cast<std::int32_t>(i));
      logits_.push_back(row_[i]);
      weights_[count++] = weights_[i];
    }
    weights_.resize(count);
    return;
  }
  std::size_t count = 0;
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if (!keep(i)) continue;
    ids_[count] = ids_[i];
    logits_[count] = logits_[i];
    weights_[count++] = weights_[i];
  }
  ids_.resize(count);
  logits_.resize(count);
  weights_.resize(count);
}

}  // namespace etap
