// ESLint: the package's TypeScript strictly, with types; scripts and tests plainly.
import js from '@eslint/js';
import globals from 'globals';
import typescript from 'typescript-eslint';

export default [
  { ignores: ['dist/', 'build*/', '**/node_modules/'] },
  js.configs.recommended,
  { rules: { 'no-unused-vars': ['error', { ignoreRestSiblings: true }] } },
  ...typescript.config({
    files: ['bindings/js/*.ts'],
    extends: [typescript.configs.strictTypeChecked, typescript.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: 'bindings/js/tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-non-null-assertion': 'off', // places inside of arrays whose length was just checked
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/prefer-for-of': 'off', // array-likes are no iterables
    },
  }),
  { files: ['**/*.{js,mjs}'], languageOptions: { globals: { ...globals.node } } },
  { files: ['tests/runtimes/page.mjs'], languageOptions: { globals: globals.browser } },
  { files: ['tests/**/*.test.mjs'], languageOptions: { globals: globals.jest } },
];
