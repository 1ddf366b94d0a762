//===- WgmmaKernel.cpp - The kernel by wgmma and tensor maps --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Threads of an extra warpgroup, the producers, start all loads (TileRings.h).
// The other warpgroups, the consumers, have 64 query rows each. In a turn a
// consumer has the tensor cores: it starts two products, that of the weights of
// a step with its value and that of the query with the next key, and waits for
// both.
//
//   consumer 0  | products i - 1, i | softmax i         | products i, i + 1
//   consumer 1  | softmax j         | products j, j + 1 | softmax j + 1
//
// With ping-pong a consumer waits for its turn, so that the softmax of one runs
// under the products of the others, and nothing is multiplied while rows are
// rescaled. (Without turns the consumers share the tensor cores evenly, and all
// of them have their scores at once.) The turns of a persistent block go on
// from tile to tile of its rows: with the last weights of one tile and their
// value the first scores of the next are multiplied, if both have room, so that
// a tile costs no turns but those of its steps, and is stored under the
// products of the others.
//
// For this a softmax must take no longer than the products of the others. Most
// of what it takes is the way to the row maximum and back: all scores of a row,
// then two exchanges between lanes, and only then the first weight. So a step
// does without: its weights are tried with the maximum of the steps before,
// each as soon as its score is there, and the few sums that a lane has tell
// whether that was good enough (OnlineSoftmax.h).
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "KeyMask.h"
#include "OnlineSoftmax.h"
#include "OutputStores.h"
#include "RowCounter.h"
#include "RowSchedule.h"
#include "ScoreFunction.h"
#include "SharedBuffers.h"
#include "TileRings.h"
#include "TileSequences.h"
#include "Warpgroups.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;

/// Registers of a thread, by number of consumer warpgroups: they share the 64K
/// of a multiprocessor, and the producer needs few. For one consumer there are
/// as many as a thread can have from the start: 0 stands for no change.
static constexpr struct {
  int32_t producer, consumer;
} kRegisters[] = {{0, 0}, {24, 240}, {32, 160}};

namespace {

class WgmmaKernel {
public:
  WgmmaKernel(OpBuilder &builder, MaskedAttentionOp op,
              const KernelOperands &operands)
      : b(op.getLoc(), builder), problem(b, op, operands),
        function(problem, ScoreFunction::Form::Exponents),
        softmax(problem, OnlineSoftmax::Growth::None), rowSchedule(problem),
        sequence(makeTileSequence<AllTilesLastFirst>(problem, rowSchedule,
                                                     b.getI32Type())),
        memory(b), warpgroups(problem), turns(problem, warpgroups),
        rings(problem, memory, warpgroups),
        outputs(problem, memory, warpgroups), epilogue(problem) {
    // All warps that compute, and the threads that load but the query's.
    int64_t listeners = problem.schedule.getWarps() + 2 + bool(rings.mask);
    if (problem.schedule.getRowCounter())
      counter.emplace(problem, rowSchedule, warpgroups, listeners);
  }

  void build();

private:
  /// What the loop over keys hands on: the output so far, the left factor of
  /// the product that comes to it next, maximum and sum of weights, and whether
  /// the maxima of all of the warp's rows will do as bases.
  struct State {
    Value output, factor;
    OnlineSoftmax::State softmax;
    Value hasBases;

    SmallVector<Value> toValues() const {
      return {output, factor, softmax.rowMax, softmax.rowSum, hasBases};
    }
    static State fromValues(ValueRange values) {
      return {values[0], values[1], {values[2], values[3]}, values[4]};
    }
  };

  //===--- Products -------------------------------------------------------===//

  Value startScores(const Round &round, Value step);
  Value startOutput(Value step, const State &state);
  /// Products when all, or all but the latest `pending`, of those started are
  /// there.
  SmallVector<Value> waitFor(ValueRange products, int64_t pending = 0);
  /// The products of a turn, scores last, when they are there. Passes the turn.
  SmallVector<Value> finishTurn(ValueRange products);

  //===--- A step of the recurrence ---------------------------------------===//

  /// Scores from here on are those of the step, which has the test.
  ScoreFunction::Test enterStep(const Round &round, Value step, bool isFirst);
  /// The mask's tile of a step, null without one in shared memory.
  Value loadMask(Value step);
  /// From the products of query and key, by the step's own maximum. The first
  /// step has no output to rescale.
  State weighByNewMax(const Round &round, Value products, Value step,
                      State state, const ScoreFunction::Test &test);
  /// By the maximum so far where that will do and no score is left to be
  /// tested, else by its own. `keyMask` is null but of a mask that is a vector
  /// of keys.
  State weighStep(const Round &round, Value products, Value step,
                  const KeyMask &keyMask, State state,
                  ScoreFunction::Test test);
  /// The weights by the maximum so far as a factor, their sums, and whether
  /// they will do.
  SmallVector<Value> weighByOldMax(const Round &round, Value products,
                                   Value step, const KeyMask &keyMask,
                                   const State &state);

  //===--- The warpgroups -------------------------------------------------===//

  /// The scores of a round's first step.
  Value startRows(const Round &round);
  /// All steps of a round, but for the product with its last value.
  State weighRows(const Round &round, Value firstScores);
  /// Stores the rows of a round by that product.
  void storeRows(const Round &round, Value output, const State &state);
  void consumeRows(const Round &round);
  /// The same for all rounds of a persistent block, in which the product with
  /// the last value of a round is in one turn with the first scores of the
  /// next.
  void consumePipelined();
  bool isPipelined() const;
  /// How a role asks for its next rows; null where that takes no asking.
  RowSchedule::GetNext
      nextRowsBy(RowNumber (RowCounter::*getNext)(const Round &));
  void runProducers();

  // Each writes what all threads have in common where it is constructed.
  KernelBuilder b;
  KernelProblem problem;
  ScoreFunction function;
  OnlineSoftmax softmax;
  RowSchedule rowSchedule;
  std::unique_ptr<TileSequence> sequence;
  BlockMemory memory;
  Warpgroups warpgroups;
  Turns turns;
  TileRings rings;
  OutputStores outputs;
  Epilogue epilogue;
  /// Of persistent blocks that do not take rows in steps of the grid.
  std::optional<RowCounter> counter;
};

} // namespace

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Value WgmmaKernel::startScores(const Round &round, Value step) {
  Value keys = rings.consume(rings.key, step);
  const SharedMatrix &query = problem.memory.query;
  // In steps of 16 elements of the head; of a single one nothing is early.
  IntegerAttr split;
  int64_t steps = query.panels * query.pitch / 16;
  if (problem.schedule.getEarlyTurns() && steps > 1)
    split = b.getI64IntegerAttr(16 * (steps - std::max<int64_t>(steps / 4, 1)));
  return mfa_gpu::WarpgroupMmaOp::create(
      b, problem.scoreTile(problem.f32), rings.getQuery(round), keys,
      /*accumulator=*/Value(), /*transpose_rhs=*/true, split);
}

Value WgmmaKernel::startOutput(Value step, const State &state) {
  return mfa_gpu::WarpgroupMmaOp::create(
      b, state.output.getType(), state.factor, rings.consume(rings.value, step),
      state.output, /*transpose_rhs=*/false, /*split=*/IntegerAttr());
}

SmallVector<Value> WgmmaKernel::waitFor(ValueRange products, int64_t pending) {
  auto finished = mfa_gpu::WarpgroupWaitOp::create(b, products.getTypes(),
                                                   pending, products);
  return SmallVector<Value>(finished.getResults());
}

SmallVector<Value> WgmmaKernel::finishTurn(ValueRange products) {
  if (!problem.schedule.getEarlyTurns()) {
    SmallVector<Value> finished = waitFor(products);
    turns.pass();
    return finished;
  }
  // All but the last part of the scores.
  SmallVector<Value> finished = waitFor(products.drop_back(), 1);
  turns.pass();
  finished.append(waitFor(products.back()));
  return finished;
}

//===----------------------------------------------------------------------===//
// A step of the recurrence
//===----------------------------------------------------------------------===//

ScoreFunction::Test WgmmaKernel::enterStep(const Round &round, Value step,
                                           bool isFirst) {
  OpFoldResult needsTest = sequence->needsTest(round, step, isFirst);
  auto known = dyn_cast<Attribute>(needsTest);
  bool isNever = known && !cast<BoolAttr>(known).getValue();
  if (isNever && !isFirst && !function.dependsOnKeys())
    return function.getNoTest();
  if (!function.dependsOnKeys())
    return function.getTest(needsTest,
                            sequence->getFirstKeyIf(needsTest, round, step));
  Value firstKey = sequence->getFirstKey(round, step);
  function.enterKeys(firstKey);
  return function.getTest(needsTest, firstKey);
}

Value WgmmaKernel::loadMask(Value step) {
  if (!rings.mask)
    return {};
  return function.loadMask(rings.getTile(rings.mask, step));
}

WgmmaKernel::State WgmmaKernel::weighByNewMax(const Round &round,
                                              Value products, Value step,
                                              State state,
                                              const ScoreFunction::Test &test) {
  Scores scores = function.getScores(products, sequence->needsMask(round, step),
                                     [&] { return loadMask(step); });
  scores.tile = function.exclude(scores.tile, test);
  OnlineSoftmax::Step weighed =
      softmax.updateRowMax(state.softmax.rowMax, scores);
  if (state.output)
    state.output = softmax.rescale(state.output, weighed);
  state.softmax.rowMax = weighed.rowMax;
  state.factor = softmax.toFactor(softmax.weigh(weighed, state.softmax.rowSum));
  state.hasBases = softmax.areBases(weighed.rowMax, function);
  return state;
}

SmallVector<Value> WgmmaKernel::weighByOldMax(const Round &round,
                                              Value products, Value step,
                                              const KeyMask &keyMask,
                                              const State &state) {
  auto toValues =
      [&](const OnlineSoftmax::EarlyWeights &weights) -> SmallVector<Value> {
    return {softmax.toFactor(weights.weights), weights.rowSum, weights.areGood};
  };
  auto tryWith = [&](Value mask) {
    return toValues(softmax.tryOldMax(function, products, mask, state.softmax));
  };
  auto tryMasked = [&] { return tryWith(loadMask(step)); };
  auto tryUnmasked = [&] { return tryWith(Value()); };
  if (!keyMask.changesAny)
    return b.choose(sequence->needsMask(round, step), tryMasked, tryUnmasked);
  // Padding leaves most tiles of keys as they are, and excludes all of others.
  auto excludeKeys = [&] {
    return toValues(softmax.excludeAll(products, state.softmax));
  };
  return b.choose(
      keyMask.changesAny,
      [&] { return b.choose(keyMask.leavesAny, tryMasked, excludeKeys); },
      tryUnmasked);
}

WgmmaKernel::State WgmmaKernel::weighStep(const Round &round, Value products,
                                          Value step, const KeyMask &keyMask,
                                          State state,
                                          ScoreFunction::Test test) {
  if (function.mayExcludeProducts()) {
    products = function.exclude(products, test);
    test = function.getNoTest();
  }
  Value mayTry = state.hasBases;
  if (auto needsTest = dyn_cast<Value>(test.isNeeded))
    mayTry = arith::AndIOp::create(b, mayTry, b.negate(needsTest));
  auto early = b.choose(
      mayTry,
      [&] { return weighByOldMax(round, products, step, keyMask, state); },
      [&]() -> SmallVector<Value> {
        return {state.factor, state.softmax.rowSum,
                arith::ConstantIntOp::create(b, false, 1)};
      });
  State good = state;
  good.factor = early[0];
  good.softmax.rowSum = early[1];
  return State::fromValues(b.choose(
      early[2], [&] { return good.toValues(); },
      [&] {
        return weighByNewMax(round, products, step, state, test).toValues();
      }));
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

Value WgmmaKernel::startRows(const Round &round) {
  rings.waitForQuery(round);
  turns.take();
  Value scores = finishTurn(startScores(round, round.firstStep))[0];
  rings.release(rings.key, round.firstStep);
  return scores;
}

WgmmaKernel::State WgmmaKernel::weighRows(const Round &round,
                                          Value firstScores) {
  if (function.dependsOnRows())
    function.enterRows(rowSchedule.locate(round.number));
  // The first step has no maximum before it, and is the one to be tested.
  Value first = round.firstStep;
  ScoreFunction::Test test = enterStep(round, first, /*isFirst=*/true);
  rings.wait(rings.mask, first);
  State state;
  state.softmax = softmax.getInitialState();
  state = weighByNewMax(round, firstScores, first, state, test);
  state.output = b.splat(problem.outputTile(problem.f32), b.constant(0));
  rings.release(rings.mask, first);

  auto loop =
      sequence->createLoop(round, sequence->stepAfter(first), state.toValues());
  keepRolled(loop);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar(), before = sequence->stepBefore(step);
    state = State::fromValues(loop.getRegionIterArgs());
    turns.take();
    Value output = startOutput(before, state),
          scores = startScores(round, step);
    // Under the products.
    rings.wait(rings.mask, step);
    KeyMask keyMask;
    // A list has looked already.
    if (problem.maskForm == MaskForm::KeyVector && function.keepsExcluded() &&
        !sequence->isInMemory())
      keyMask = lookAtKeyMask(problem, memory, rings.stageOf(step),
                              warpgroups.getLane());
    ScoreFunction::Test test;
    if (sequence->isInMemory())
      test = enterStep(round, step, /*isFirst=*/false);
    SmallVector<Value> products = finishTurn({output, scores});
    rings.release(rings.value, before);
    rings.release(rings.key, step);
    state.output = products[0];
    if (!sequence->isInMemory())
      test = enterStep(round, step, /*isFirst=*/false);
    state = weighStep(round, products[1], step, keyMask, state, test);
    rings.release(rings.mask, step);
    scf::YieldOp::create(b, state.toValues());
  }
  state = State::fromValues(loop.getResults());
  if (problem.schedule.getPersistent())
    rings.releaseQuery(round);
  return state;
}

void WgmmaKernel::storeRows(const Round &round, Value output,
                            const State &state) {
  RowTile rows = rowSchedule.locate(round.number);
  epilogue.store(rows, output, state.softmax,
                 [&](Value rounded) { outputs.store(rows, rounded); });
}

void WgmmaKernel::consumeRows(const Round &round) {
  State state = weighRows(round, startRows(round));
  Value last = sequence->stepBefore(round.endStep);
  turns.take();
  Value output = startOutput(last, state);
  turns.passLast(round.isLast ? round.isLast() : Value());
  output = waitFor(output)[0];
  if (problem.schedule.getPersistent())
    rings.release(rings.value, last);
  storeRows(round, output, state);
}

bool WgmmaKernel::isPipelined() const {
  // Output and scores are held at once while one is stored, for which lanes of
  // three warpgroups have too few registers, and all with a mask, or where the
  // output is stored from registers. With rules it brought nothing: there first
  // steps take longest.
  MaskedAttentionOp op = problem.getOp();
  return problem.schedule.getPersistent() &&
         OutputStores::useTensorMap(problem.memory) &&
         warpgroups.getNumConsumers() < 3 && !op.getMask() && !op.hasRegions();
}

void WgmmaKernel::consumePipelined() {
  mfa_gpu::TileType row = problem.rowTile(problem.f32);
  // Nothing that is not used: loops without that would lose what is said of
  // this one.
  SmallVector<Type> stateTypes{
      problem.outputTile(problem.f32),
      problem.scoreTile(problem.element, mfa_gpu::FragmentKind::Operand), row,
      row};
  auto start = [&](const Round &round) {
    return SmallVector<Value>{startRows(round)};
  };
  auto run = [&](const Round &round, ValueRange scores) {
    SmallVector<Value> values = weighRows(round, scores[0]).toValues();
    values.pop_back();
    return values;
  };
  auto getState = [](ValueRange values) -> State {
    return {values[0], values[1], {values[2], values[3]}, Value()};
  };
  auto change = [&](const Round &done, ValueRange values, const Round &next) {
    State state = getState(values);
    Value last = sequence->stepBefore(done.endStep), first = next.firstStep;
    rings.waitForQuery(next);
    turns.take();
    Value output = startOutput(last, state), scores = startScores(next, first);
    SmallVector<Value> products = finishTurn({output, scores});
    rings.release(rings.value, last);
    rings.release(rings.key, first);
    storeRows(done, products[0], state);
    return SmallVector<Value>{products[1]};
  };
  auto end = [&](const Round &done, ValueRange values) {
    State state = getState(values);
    turns.take();
    Value output = startOutput(sequence->stepBefore(done.endStep), state);
    turns.passLast(Value());
    storeRows(done, waitFor(output)[0], state);
  };
  rowSchedule.pipelineRounds(*sequence, {stateTypes, start, run, change, end},
                             nextRowsBy(&RowCounter::hearAsWarp));
}

//===----------------------------------------------------------------------===//
// The producers
//===----------------------------------------------------------------------===//

RowSchedule::GetNext
WgmmaKernel::nextRowsBy(RowNumber (RowCounter::*getNext)(const Round &)) {
  if (!counter)
    return {};
  return [this, getNext](const Round &round) {
    return ((*counter).*getNext)(round);
  };
}

void WgmmaKernel::runProducers() {
  int64_t warp = 0;
  auto runOne = [&](function_ref<void(const Round &, const RowTile &)> produce,
                    RowNumber (RowCounter::*getNext)(const Round &)) {
    b.guarded(warpgroups.isFirstOfProducer(warp++), [&] {
      rowSchedule.forEachRound(
          *sequence,
          [&](const Round &round) {
            produce(round, rowSchedule.locate(round.number));
          },
          nextRowsBy(getNext));
    });
  };
  runOne([&](const Round &round,
             const RowTile &rows) { rings.produceQuery(round, rows); },
         &RowCounter::draw);
  for (const TileRings::Ring *ring : {&rings.key, &rings.value, &rings.mask}) {
    if (!*ring)
      continue;
    auto produceOfRows = [&](const Round &round, const RowTile &rows) {
      auto loop = sequence->createLoop(round, round.firstStep);
      keepRolled(loop);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value step = loop.getInductionVar();
      auto produce = [&]() -> SmallVector<Value> {
        rings.produce(*ring, rows, sequence->getFirstKey(round, step), step);
        return {};
      };
      auto skip = [&]() -> SmallVector<Value> {
        rings.skip(*ring, step);
        return {};
      };
      bool isMask = ring == &rings.mask;
      b.choose(isMask ? sequence->needsMask(round, step) : b.getBoolAttr(true),
               produce, skip);
    };
    runOne(produceOfRows,
           ring == &rings.key ? &RowCounter::askAndHear : &RowCounter::hear);
  }
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WgmmaKernel::build() {
  rings.initialize([&] {
    if (counter)
      counter->initialize();
  });
  auto registers = kRegisters[warpgroups.getNumConsumers() - 1];
  auto roles = scf::IfOp::create(b, warpgroups.isProducer(),
                                 /*withElseRegion=*/true);
  b.setInsertionPointToStart(roles.thenBlock());
  if (registers.producer)
    NVVM::SetMaxRegisterOp::create(b, registers.producer,
                                   NVVM::SetMaxRegisterAction::decrease);
  runProducers();
  b.setInsertionPointToStart(roles.elseBlock());
  if (registers.consumer)
    NVVM::SetMaxRegisterOp::create(b, registers.consumer,
                                   NVVM::SetMaxRegisterAction::increase);
  turns.start();
  if (isPipelined())
    consumePipelined();
  else
    rowSchedule.forEachRound(
        *sequence, [&](const Round &round) { consumeRows(round); },
        nextRowsBy(&RowCounter::hearAsWarp));
  outputs.finish();
  b.setInsertionPointAfter(roles);
}

void mfa::buildWgmmaKernel(OpBuilder &builder, MaskedAttentionOp op,
                           const KernelOperands &operands) {
  WgmmaKernel(builder, op, operands).build();
}
