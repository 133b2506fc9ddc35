/**
 * The 8042 keyboard controller (ports 0x60, 0x64) with nothing plugged into it: it passes its own
 * tests, keeps its command byte and output port, and pulses the reset line.
 */
import type { Device, MachineControl } from "../device.ts";
import type { PortHandler } from "../port-bus.ts";

const STATUS = {
  outputFull: 0x01,
  inputFull: 0x02,
  system: 0x04,
  command: 0x08,
  unlocked: 0x10,
} as const;
const COMMAND = {
  readConfiguration: 0x20,
  writeConfiguration: 0x60,
  testAux: 0xa9,
  disableAux: 0xa7,
  enableAux: 0xa8,
  selfTest: 0xaa,
  testKeyboard: 0xab,
  disableKeyboard: 0xad,
  enableKeyboard: 0xae,
  readInput: 0xc0,
  readOutput: 0xd0,
  writeOutput: 0xd1,
  echoKeyboard: 0xd2,
  pulse: 0xf0,
} as const;
const SELF_TEST_PASSED = 0x55;
const KEYBOARD_DISABLED = 0x10;
const AUX_DISABLED = 0x20;
/** Translation on, both ports off, self test passed. */
const CONFIGURATION_AT_RESET = 0x74;
/** Output port: bit 0 is the reset line (low resets), bit 1 opens address line 20. */
const OUTPUT_RESET = 0x01;
const OUTPUT_A20 = 0x02;

export class I8042 implements Device, PortHandler {
  readonly state = {
    configuration: CONFIGURATION_AT_RESET,
    outputPort: OUTPUT_RESET | OUTPUT_A20,
    /** The byte waiting at port 0x60, -1 for none. */
    output: -1,
    /** The command whose argument port 0x60 takes next, 0 for none. */
    argumentOf: 0,
    lastWasCommand: false,
  };
  readonly #control: MachineControl;

  constructor(control: MachineControl) {
    this.#control = control;
  }

  reset(): void {
    Object.assign(this.state, {
      configuration: CONFIGURATION_AT_RESET,
      outputPort: OUTPUT_RESET | OUTPUT_A20,
      output: -1,
      argumentOf: 0,
      lastWasCommand: false,
    });
  }

  /** @param offset 0 is port 0x60, 4 is port 0x64 */
  read(offset: number): number {
    const s = this.state;
    if (offset === 4) {
      return (
        STATUS.unlocked |
        STATUS.system |
        (s.lastWasCommand ? STATUS.command : 0) |
        (s.output >= 0 ? STATUS.outputFull : 0)
      );
    }
    const byte = Math.max(s.output, 0);
    s.output = -1;
    return byte;
  }

  write(offset: number, _bytes: number, value: number): void {
    const s = this.state;
    s.lastWasCommand = offset === 4;
    if (offset === 4) this.#command(value);
    else {
      const command = s.argumentOf;
      s.argumentOf = 0;
      if (command === COMMAND.writeConfiguration) s.configuration = value;
      else if (command === COMMAND.writeOutput) this.#writeOutputPort(value);
      else if (command === COMMAND.echoKeyboard) s.output = value;
      // Otherwise the byte goes to a keyboard or mouse that is not there.
    }
  }

  #command(command: number): void {
    const s = this.state;
    s.argumentOf = 0;
    const answer = this.#answer(command);
    if (answer >= 0) s.output = answer;
    else if (command === COMMAND.disableKeyboard) s.configuration |= KEYBOARD_DISABLED;
    else if (command === COMMAND.enableKeyboard) s.configuration &= ~KEYBOARD_DISABLED;
    else if (command === COMMAND.disableAux) s.configuration |= AUX_DISABLED;
    else if (command === COMMAND.enableAux) s.configuration &= ~AUX_DISABLED;
    else if (command >= COMMAND.pulse) {
      // A zero bit pulses the output line low.
      if ((command & OUTPUT_RESET) === 0) this.#control.reset("keyboard controller");
    } else s.argumentOf = command;
  }

  /** The byte that a command puts at port 0x60 by itself, or -1. */
  #answer(command: number): number {
    switch (command) {
      case COMMAND.readConfiguration:
        return this.state.configuration;
      case COMMAND.selfTest:
        return SELF_TEST_PASSED;
      case COMMAND.testKeyboard:
      case COMMAND.testAux:
      case COMMAND.readInput:
        return 0;
      case COMMAND.readOutput:
        return this.state.outputPort;
      default:
        return -1;
    }
  }

  #writeOutputPort(value: number): void {
    this.state.outputPort = value;
    if ((value & OUTPUT_RESET) === 0) this.#control.reset("keyboard controller output port");
  }
}
