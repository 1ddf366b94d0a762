// RUN: mfa-opt %s --mfa-lower-math --split-input-file --verify-diagnostics

func.func @calls(%x: vector<4097xf32>) -> vector<4097xf32> {
  // expected-error@+1 {{'math.erf' op expected vectors of at most 4096 elements, as each has a call, but got 'vector<4097xf32>'}}
  %0 = math.erf %x : vector<4097xf32>
  return %0 : vector<4097xf32>
}

// -----

func.func @loops(%x: vector<65x64xi64>) -> vector<65x64xi64> {
  // expected-error@+1 {{'math.ipowi' op expected vectors of at most 4096 elements, as each has a call, but got 'vector<65x64xi64>'}}
  %0 = math.ipowi %x, %x : vector<65x64xi64>
  return %0 : vector<65x64xi64>
}
