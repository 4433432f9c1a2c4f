// ESLint: the package's and the page's TypeScript strictly, with types; scripts and tests plainly.
import js from '@eslint/js';
import globals from 'globals';
import typescript from 'typescript-eslint';

const strictly = (files, project, rules = {}) =>
  typescript.config({
    files,
    extends: [typescript.configs.strictTypeChecked, typescript.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-non-null-assertion': 'off', // places inside of arrays whose length was just checked
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/prefer-for-of': 'off', // array-likes are no iterables
      ...rules,
    },
  });

export default [
  { ignores: ['dist/', 'build*/', '**/node_modules/'] },
  js.configs.recommended,
  { rules: { 'no-unused-vars': ['error', { ignoreRestSiblings: true }] } },
  ...strictly(['bindings/js/*.ts'], 'bindings/js/tsconfig.json'),
  ...strictly(['demo/src/**/*.{ts,tsx}'], 'demo/tsconfig.json', {
    '@typescript-eslint/no-meaningless-void-operator': 'off', // `void signal.value` subscribes to it
    '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
  }),
  { files: ['**/*.{js,mjs}'], languageOptions: { globals: { ...globals.node } } },
  // The functions in tests/browser that travel into a page see its globals.
  { files: ['tests/runtimes/page.mjs', 'tests/browser/**/*.mjs'], languageOptions: { globals: globals.browser } },
  { files: ['tests/**/*.test.mjs'], languageOptions: { globals: globals.jest } },
];
