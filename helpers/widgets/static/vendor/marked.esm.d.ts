/** Of `marked.esm.js`, what is used. */
export class Lexer {
  lex(source: string): any[];
  inlineTokens(source: string, tokens?: any[]): any[];
}
